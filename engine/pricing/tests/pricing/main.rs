//! Proofs of the pricing room: golden values from mpmath and QuantLib, and laws that hold for every input.

#[cfg(test)]
mod breakevens;
#[cfg(test)]
mod forwards;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod payoffs;
#[cfg(test)]
mod real_chain;
#[cfg(test)]
mod real_surface;
#[cfg(test)]
mod returns;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod smiles;
#[cfg(test)]
mod stresses;
#[cfg(test)]
mod surfaces;
