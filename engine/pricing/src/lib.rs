//! What is it worth: Black-76, greeks, implied vol, parity forwards
