"""Where runs are executed. Every engine gives the same numbers."""
