//! Text of .pki files to a lossless tree, its typed view, and the formatter
