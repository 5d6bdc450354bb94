"""The Fiji side: Java, hyperstacks, macros and the viewer process."""
