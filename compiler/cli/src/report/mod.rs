//! Reports: one file per format. They show findings and test results, and decide nothing.
pub(crate) mod decision;
pub(crate) mod facts;
pub(crate) mod finding;
pub(crate) mod github;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod sarif;

pub(crate) use finding::{Finding, Fix, Place, Related, Severity, Sources};
