//! Appraise, draft, decide, authorize: the embedding API
