"""Questions: what they hide, and how they become one."""
