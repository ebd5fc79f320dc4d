"""Mail: the texts of all mails that we send, the outbox and its delivery, and the storage of inbound mail."""
