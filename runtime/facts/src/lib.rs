//! Evidence, Facts and Verified: the one place where a claim can become a verified fact
