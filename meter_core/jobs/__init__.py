"""A function a use case: the command line, the flows and the tests call the same one."""
