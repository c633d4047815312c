//! The compiled policy: data, canonical bytes, digest, checking decoder
