// A target of headers only still needs one source file.
