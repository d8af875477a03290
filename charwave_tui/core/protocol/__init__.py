"""What crosses the socket."""
