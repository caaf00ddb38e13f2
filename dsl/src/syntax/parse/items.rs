//! The small items: `strategy`, `threshold`, `series`, `event`, `signal`, `script`, `use plugin`.

use super::{Builder, Kids, Rule, has};
use crate::ast::{
    Crossing, EventDecl, Node, PluginFunction, PluginParam, Script, Series, Setting, Signal, Strategy,
    Threshold, UsePlugin,
};

impl Builder {
    pub(super) fn strategy(&mut self, mut kids: Kids<'_>) -> Option<Strategy> {
        let name = self.next_ident(&mut kids)?;
        let mut settings = Vec::new();
        while let Some(pair) = kids.next() {
            let span = self.span(&pair);
            let rule = pair.as_rule();
            let same_bar = has(&pair, Rule::kw_same);
            let approximate = has(&pair, Rule::kw_approximate);
            let by_legs = has(&pair, Rule::kw_legs);
            let flatten = has(&pair, Rule::kw_flatten);
            let mut parts = Kids::of(pair);
            let setting = match rule {
                Rule::capital => Setting::Capital(self.next_literal(&mut parts)?),
                Rule::evaluate => Setting::Evaluate {
                    every: self.next_literal(&mut parts)?,
                    instrument: self.next_ident(&mut parts)?,
                    session: self.next_ident(&mut parts)?,
                },
                Rule::posture => Setting::Posture(self.next_ident(&mut parts)?),
                Rule::fill => Setting::FillSameBar(same_bar),
                Rule::cross if by_legs => Setting::Cross(Crossing::ByLegs),
                Rule::cross => Setting::Cross(match parts.next_if(Rule::literal) {
                    Some(p) => Crossing::Share(self.literal(&p)?),
                    None => Crossing::Word(self.next_ident(&mut parts)?),
                }),
                Rule::depth => Setting::Depth {
                    how: self.next_ident(&mut parts)?,
                    assume: match parts.next_if(Rule::literal) {
                        Some(p) => Some(self.literal(&p)?),
                        None => None,
                    },
                },
                Rule::fees => Setting::Fees(self.next_ident(&mut parts)?),
                Rule::settle => Setting::SettleApproximate(approximate),
                Rule::margin => Setting::Margin {
                    rulebook: self.next_ident(&mut parts)?,
                    flatten,
                },
                _ => return None,
            };
            settings.push(Node::new(setting, span));
        }
        Some(Strategy { name, settings })
    }

    pub(super) fn threshold(&mut self, mut kids: Kids<'_>) -> Option<Threshold> {
        let name = self.next_ident(&mut kids)?;
        let default = self.next_literal(&mut kids)?;
        let (min, max) = self.literal_range(kids.next()?)?;
        Some(Threshold {
            name,
            default,
            min,
            max,
        })
    }

    /// `feed("ID")`
    fn feed(&mut self, kids: &mut Kids<'_>) -> Option<Node<String>> {
        let text = Kids::of(kids.next()?).next()?;
        Some(self.string(&text))
    }

    pub(super) fn series(&mut self, mut kids: Kids<'_>) -> Option<Series> {
        let name = self.next_ident(&mut kids)?;
        let feed = self.feed(&mut kids)?;
        let unit = kids.next_if(Rule::word).map(|p| self.ident(&p));
        let stale_after = match kids.next_if(Rule::literal) {
            Some(p) => Some(self.literal(&p)?),
            None => None,
        };
        Some(Series {
            name,
            feed,
            unit,
            stale_after,
        })
    }

    pub(super) fn event(&mut self, mut kids: Kids<'_>) -> Option<EventDecl> {
        let name = self.next_ident(&mut kids)?;
        let feed = self.feed(&mut kids)?;
        Some(EventDecl { name, feed })
    }

    pub(super) fn signal(&mut self, mut kids: Kids<'_>) -> Option<Signal> {
        let name = self.next_ident(&mut kids)?;
        let expr = self.next_expr(&mut kids)?;
        Some(Signal { name, expr })
    }

    pub(super) fn use_plugin(&mut self, mut kids: Kids<'_>) -> Option<UsePlugin> {
        let plugin = self.string(&kids.next()?);
        let Some(name) = kids.next_if(Rule::name).map(|p| self.ident(&p)) else {
            let function = None;
            return Some(UsePlugin { plugin, function });
        };
        let mut params = Vec::new();
        while let Some(p) = kids.next_if(Rule::plugin_param) {
            let mut parts = Kids::of(p);
            let name = self.next_ident(&mut parts)?;
            let param = match parts.next_if(Rule::literal) {
                Some(default) => PluginParam::Number(name, self.literal(&default)?),
                None => PluginParam::Series(name, self.next_ident(&mut parts)?),
            };
            params.push(param);
        }
        let mut outputs = Vec::new();
        while let Some(p) = kids.next_if(Rule::plugin_output) {
            let mut parts = Kids::of(p);
            let first = self.next_ident(&mut parts)?;
            let unit = parts.next().map(|p| self.ident(&p));
            outputs.push(match unit {
                Some(unit) => (Some(first), unit),
                None => (None, first),
            });
        }
        let function = Some(PluginFunction {
            name,
            params,
            outputs,
        });
        Some(UsePlugin { plugin, function })
    }

    pub(super) fn script(&mut self, mut kids: Kids<'_>) -> Option<Script> {
        let name = self.next_ident(&mut kids)?;
        let mut params = Vec::new();
        while let Some(p) = kids.next_if(Rule::param) {
            let mut parts = Kids::of(p);
            params.push((self.next_ident(&mut parts)?, self.next_ident(&mut parts)?));
        }
        let returns = self.next_ident(&mut kids)?;
        let file = self.string(&kids.next()?);
        Some(Script {
            name,
            params,
            returns,
            file,
        })
    }
}
