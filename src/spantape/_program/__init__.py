"""A whole program under a session: started from outside, without a line of it changed."""
