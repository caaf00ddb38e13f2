//! Who turns the crank: the drivers
