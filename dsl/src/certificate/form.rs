//! A certificate for other programs.

use super::words::{bound, broken};
use super::{Bounded, Certificate, DOLLARS_A_POINT, Owned, Reached, Why};
use crate::diagnostic::render::{Place, place};
use crate::graph::{Graph, StructureDef};
use crate::source::SourceMap;
use serde::Serialize;

/// A strategy's certificate as one JSON object; fields are added, never renamed or removed, without raising the document's
/// version.
#[derive(Debug, Serialize)]
pub(crate) struct CertificateForm {
    strategy: String,
    certified: bool,
    structures: Vec<StructureForm>,
    overlays: Vec<OverlayForm>,
}

#[derive(Debug, Serialize)]
struct StructureForm {
    key: String,
    shape: String,
    underlying: &'static str,
    bounded: bool,
    /// There were more packages than are followed.
    cut: bool,
    packages: Vec<PackageForm>,
    /// Rules that close a part: what is left has the same bound a lot.
    closed_in_part_by: Vec<String>,
    lots_max: Option<f64>,
    positions_max: Option<f64>,
}

#[derive(Debug, Serialize)]
struct PackageForm {
    /// Rolls that lead here, the shortest way; empty for what is opened.
    by: Vec<String>,
    also_by: Vec<String>,
    settlements: usize,
    /// The bound in terms of the strikes.
    bound: Option<String>,
    points_min: Option<f64>,
    points_max: Option<f64>,
    dollars_a_lot_max: Option<f64>,
    no_bound: Vec<BreakForm>,
    #[serde(flatten)]
    place: Place,
}

#[derive(Debug, Serialize)]
struct BreakForm {
    leg: String,
    reason: &'static str,
    message: String,
}

#[derive(Debug, Serialize)]
struct OverlayForm {
    key: String,
    instrument: &'static str,
    bounded: bool,
    #[serde(flatten)]
    place: Place,
}

impl CertificateForm {
    /// The form of a graph's certificate.
    pub(crate) fn new(sources: &SourceMap, graph: &Graph, certificate: &Certificate) -> Self {
        let structure = |owned: &Owned| {
            let at = usize::try_from(owned.structure.0).unwrap_or(usize::MAX);
            let def = graph.structures.get(at)?;
            Some(StructureForm {
                key: owned.key.clone(),
                shape: def.shape.clone(),
                underlying: def.underlying.name(),
                bounded: owned.is_bounded(),
                cut: owned.cut,
                packages: owned.reached.iter().map(|r| package(sources, def, r)).collect(),
                closed_in_part_by: owned.parts.clone(),
                lots_max: owned.lots.map(|l| l.0),
                positions_max: owned.lots.map(|l| l.1),
            })
        };
        let overlays = certificate.overlays.iter();
        Self {
            strategy: graph.settings.name.clone(),
            certified: certificate.is_given(),
            structures: certificate.owned.iter().filter_map(structure).collect(),
            overlays: overlays
                .map(|(key, instrument, span)| OverlayForm {
                    key: key.clone(),
                    instrument,
                    bounded: false,
                    place: place(sources, *span),
                })
                .collect(),
        }
    }
}

fn package(sources: &SourceMap, def: &StructureDef, reached: &Reached) -> PackageForm {
    let points = |b: &Bounded| b.points;
    let range = reached.bound.as_ref().ok().and_then(points);
    let breaks = reached
        .bound
        .as_ref()
        .err()
        .map(Vec::as_slice)
        .unwrap_or_default();
    PackageForm {
        by: reached.by.clone(),
        also_by: reached.also.clone(),
        settlements: reached.settlements,
        bound: reached.bound.as_ref().ok().map(|b| bound(&def.legs, b)),
        points_min: range.map(|r| r.0),
        points_max: range.map(|r| r.1),
        dollars_a_lot_max: range.map(|r| r.1 * DOLLARS_A_POINT),
        no_bound: breaks
            .iter()
            .map(|b| BreakForm {
                leg: b.name.clone(),
                reason: match b.why {
                    Why::Future => "future",
                    Why::Uncovered => "uncovered",
                    Why::SettlesAlone => "settles alone",
                },
                message: broken(b),
            })
            .collect(),
        place: place(sources, reached.span),
    }
}
