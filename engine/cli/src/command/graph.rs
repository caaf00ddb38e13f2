//! `alula graph FILE`.

use crate::args::{GraphArgs, GraphFormat};
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::Output;
use crate::project::Project;
use alula_dsl::draw;

/// Draws the execution graph.
///
/// # Errors
/// When the strategy cannot be read or has errors, or the drawing cannot be written.
pub fn run(args: &GraphArgs, out: &mut Output) -> Result<Exit, Failure> {
    let project = Project::load(&args.file)?;
    let graph = project.checked(None, out)?.graph;
    let drawing = match args.format {
        GraphFormat::Text => draw::text(graph),
        GraphFormat::Dot => draw::dot(graph),
        GraphFormat::Mermaid => draw::mermaid(graph),
        GraphFormat::Svg => draw::svg(graph),
    };
    files::write_result(out, args.output.as_deref(), &drawing)?;
    Ok(Exit::Ok)
}
