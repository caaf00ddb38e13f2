//! Prunes what nothing uses and numbers the rest.

use super::ids::each_id;
use crate::graph::{EventId, FeedId, Graph, Node, NodeId, Op, ScriptId};

/// Takes the definitions (whose ids point into `nodes`) and all nodes built, and keeps the nodes, feeds, events and
/// scripts that a definition reaches, in their order. Thresholds are all kept: an operator may set any that is declared.
pub(crate) fn finish(mut graph: Graph, nodes: Vec<Node>) -> Graph {
    let mut live = vec![false; nodes.len()];
    each_id(&mut graph, &mut |id| mark(&mut live, *id));
    // Inputs precede users, so one pass from the end reaches everything.
    for i in (0..nodes.len()).rev() {
        if live.get(i) == Some(&true) {
            for input in nodes.get(i).map(|n| n.inputs.as_slice()).unwrap_or_default() {
                mark(&mut live, *input);
            }
        }
    }
    let renumbered = renumber(&live);
    let moved = |id: NodeId| NodeId(renumbered.get(id.0 as usize).copied().unwrap_or(u32::MAX));
    each_id(&mut graph, &mut |id| *id = moved(*id));
    graph.nodes = nodes
        .into_iter()
        .zip(&live)
        .filter(|(_, live)| **live)
        .map(|(node, _)| node)
        .collect();
    for node in &mut graph.nodes {
        node.inputs.iter_mut().for_each(|id| *id = moved(*id));
    }
    prune_sources(&mut graph);
    graph
}

fn mark(live: &mut [bool], id: NodeId) {
    if let Some(slot) = live.get_mut(id.0 as usize) {
        *slot = true;
    }
}

/// New index of each kept entry.
fn renumber(live: &[bool]) -> Vec<u32> {
    let mut next = 0;
    live.iter()
        .map(|live| {
            let index = next;
            next += u32::from(*live);
            index
        })
        .collect()
}

fn prune_sources(graph: &mut Graph) {
    let mut feeds = vec![false; graph.feeds.len()];
    let mut events = vec![false; graph.events.len()];
    let mut scripts = vec![false; graph.scripts.len()];
    for node in &graph.nodes {
        let (list, index) = match node.op {
            Op::Feed(FeedId(i)) => (&mut feeds, i),
            Op::Within {
                event: EventId(i), ..
            }
            | Op::Reaction {
                event: EventId(i), ..
            }
            | Op::EventMove {
                event: EventId(i), ..
            }
            | Op::Surprise(EventId(i)) => (&mut events, i),
            Op::Script(ScriptId(i)) => (&mut scripts, i),
            _ => continue,
        };
        if let Some(slot) = list.get_mut(index as usize) {
            *slot = true;
        }
    }
    let (new_feeds, new_events, new_scripts) = (renumber(&feeds), renumber(&events), renumber(&scripts));
    let at = |list: &[u32], i: u32| list.get(i as usize).copied().unwrap_or(u32::MAX);
    for node in &mut graph.nodes {
        match &mut node.op {
            Op::Feed(FeedId(i)) => *i = at(&new_feeds, *i),
            Op::Within {
                event: EventId(i), ..
            }
            | Op::Reaction {
                event: EventId(i), ..
            }
            | Op::EventMove {
                event: EventId(i), ..
            }
            | Op::Surprise(EventId(i)) => *i = at(&new_events, *i),
            Op::Script(ScriptId(i)) => *i = at(&new_scripts, *i),
            _ => {}
        }
    }
    keep(&mut graph.feeds, &feeds);
    keep(&mut graph.events, &events);
    keep(&mut graph.scripts, &scripts);
}

fn keep<T>(list: &mut Vec<T>, live: &[bool]) {
    let mut live = live.iter();
    list.retain(|_| live.next() == Some(&true));
}
