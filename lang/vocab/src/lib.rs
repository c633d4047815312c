//! The fact catalogue, enumerations, units and limits of pkic
