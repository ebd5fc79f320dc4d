"""What holds for the whole house: its rules, its settings, its data, its safety."""
