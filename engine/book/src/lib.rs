//! What do we own: orders, fills, positions, fees, settlement, P&L
