"""What staff type: the grammar of their commands, who may use which, and the desk that answers them."""
