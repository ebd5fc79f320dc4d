"""The settings of a newsletter: rhythm, texts, mails, people, programs and sending tool. Also its trail."""
