//! Appraise, draft, decide, authorize: the embedding API
pub mod decode;
pub mod draft;
mod extension;
pub mod issuer;
mod name;
pub mod unfit;
pub mod wishes;
