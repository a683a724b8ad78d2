"""Papers, each a folder that reads like the paper: one file per figure. Papers import the core and never each other."""
