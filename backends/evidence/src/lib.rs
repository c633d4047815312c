//! One file per evidence format: bytes to facts
