//! What does the world look like: contracts, calendars, chains, series, importers, a simulated market
