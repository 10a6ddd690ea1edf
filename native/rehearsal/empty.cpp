// A library that is there, and empty.
