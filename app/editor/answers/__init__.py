"""The desk's pages about answers: choosing experts, invitations, and answers that are edited, checked and approved."""
