"""The engine process: socket server, worker thread, and the commands they carry out."""
