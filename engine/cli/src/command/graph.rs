//! `alula graph FILE`.

use crate::args::{GraphArgs, GraphFormat};
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::project::Project;

/// Draws the execution graph.
///
/// # Errors
/// When the strategy cannot be read or has errors, or the drawing cannot be written.
pub fn run(args: &GraphArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let graph = project.checked(None, out)?.graph;
    let drawing = match args.format {
        GraphFormat::Text | GraphFormat::Dot | GraphFormat::Mermaid | GraphFormat::Svg => graph
            .nodes
            .iter()
            .map(|n| format!("{}  {}\n", n.key, n.text))
            .collect::<String>(),
    };
    files::write_result(out, args.output.as_deref(), &drawing)?;
    Ok(Exit::Ok)
}
