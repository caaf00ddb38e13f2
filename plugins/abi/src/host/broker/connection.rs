//! Calls into a broker, one after the other; whatever comes back is looked at before it counts.

use super::BrokerInfo;
use crate::broker::pass;
use crate::broker::{
    Caps, Contract, Event, FinalValue, Kind, Order, Quote, WhatIf, Word, is_order_id, one_line,
};
use crate::float::Mode;
use crate::host::table::{Slot, contract, late_field, plain, size};
use crate::host::{Fault, FaultKind};
use crate::raw;
use std::collections::BTreeSet;
use std::ffi::c_void;
use std::mem::offset_of;
use std::sync::Arc;
use std::time::Duration;

/// Most events of one poll; the rest comes with the next.
const EVENTS_MAX: usize = 65_536;
/// Snapshots that were asked for and have not ended, at most.
const ASKED_MAX: usize = 64;

#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    destroy: raw::Destroy,
    connect: raw::Plain,
    disconnect: raw::Plain,
    poll: raw::Poll,
    submit: raw::Submit,
    cancel: raw::Cancel,
    request_snapshot: raw::RequestSnapshot,
    what_if: Option<raw::AskWhatIf>,
    quotes: Option<raw::Quotes>,
    final_values: Option<raw::FinalValues>,
    watch: Option<raw::Watch>,
    list: Option<raw::List>,
}

impl Calls {
    /// # Safety
    /// The pointer is null or leads to as many bytes as its first field says.
    pub(super) unsafe fn read(vtbl: *const raw::BrokerVtbl, caps: Caps) -> Result<Self, Fault> {
        if vtbl.is_null() {
            return Err(contract("`create` said yes and gave no functions"));
        }
        let base = vtbl.cast::<u8>();
        // SAFETY: by the caller's promise; fields past the table's own size are not read.
        let calls = unsafe {
            let size = base.cast::<u32>().read_unaligned();
            macro_rules! call {
                ($field:ident) => {
                    late_field(base, size, offset_of!(raw::BrokerVtbl, $field)).flatten()
                };
            }
            let wanted = || contract("a function of the broker is absent that every broker has");
            Self {
                destroy: call!(destroy).ok_or_else(wanted)?,
                connect: call!(connect).ok_or_else(wanted)?,
                disconnect: call!(disconnect).ok_or_else(wanted)?,
                poll: call!(poll).ok_or_else(wanted)?,
                submit: call!(submit).ok_or_else(wanted)?,
                cancel: call!(cancel).ok_or_else(wanted)?,
                request_snapshot: call!(request_snapshot).ok_or_else(wanted)?,
                what_if: call!(what_if),
                quotes: call!(quotes),
                final_values: call!(final_values),
                watch: call!(watch),
                list: call!(list),
            }
        };
        if caps.has(Caps::SIMULATED) && (calls.quotes.is_none() || calls.final_values.is_none()) {
            return Err(contract(
                "it says that it is simulated, and takes no quotes or no final values",
            ));
        }
        if caps.has(Caps::QUOTES) && calls.watch.is_none() {
            return Err(contract(
                "it says that it gives quotes, and cannot be asked for them",
            ));
        }
        if caps.has(Caps::CHAINS) && calls.list.is_none() {
            return Err(contract(
                "it says that it lists chains, and cannot be asked for them",
            ));
        }
        if caps.has(Caps::WHAT_IF) && calls.what_if.is_none() {
            return Err(contract("it says that it has `what_if`, and has none"));
        }
        Ok(calls)
    }
}

/// What is known after sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// Handed over, or there already.
    Sent,
    /// It certainly never left, or was refused.
    NotSent(Fault),
    /// Nobody can say.
    Unknown(Fault),
}

/// A broker of a plugin, destroyed when this goes.
#[derive(Debug)]
pub struct Connection {
    pub(super) this: *mut c_void,
    pub(super) calls: Calls,
    pub(super) slot: Slot,
    pub(super) info: Arc<BrokerInfo>,
    pub(super) dead: Option<Fault>,
    /// Snapshots that were asked for and have not begun.
    pub(super) asked: BTreeSet<u64>,
    /// The snapshot whose rows are coming.
    pub(super) giving: Option<u64>,
}

// SAFETY: the contract lets a broker's functions be called from any thread, one at a time; `&mut self` says one at a time.
unsafe impl Send for Connection {}

impl Connection {
    /// What it is.
    #[must_use]
    pub const fn info(&self) -> &Arc<BrokerInfo> {
        &self.info
    }

    /// Why it may not be called again.
    #[must_use]
    pub const fn dead(&self) -> Option<&Fault> {
        self.dead.as_ref()
    }

    fn alive(&self) -> Result<(), Fault> {
        self.dead.as_ref().map_or(Ok(()), |fault| Err(fault.clone()))
    }

    fn kill(&mut self, fault: Fault) -> Fault {
        self.dead.get_or_insert(fault).clone()
    }

    /// What a status says, after a call that either worked or did not.
    fn done(&mut self, status: raw::Status, doing: &str) -> Result<(), Fault> {
        if let Err(fault) = plain(doing) {
            return Err(self.kill(fault));
        }
        match status {
            raw::OK => Ok(()),
            raw::E_PANIC => {
                let fault = self.slot.fault(status, doing);
                Err(self.kill(fault))
            }
            status if status > 0 => {
                let fault = contract(format!("{doing} gave the status {status}, which means nothing"));
                Err(self.kill(fault))
            }
            status => Err(self.slot.fault(status, &format!("{doing} failed"))),
        }
    }

    /// Starts to connect.
    ///
    /// # Errors
    /// When it cannot even start, or it is dead.
    pub fn connect(&mut self) -> Result<(), Fault> {
        self.alive()?;
        // SAFETY: the broker lives until `drop`; the slot lives through the call.
        let status = unsafe { (self.calls.connect)(self.this, self.slot.clear()) };
        self.done(status, "connecting")
    }

    /// Ends the connection.
    ///
    /// # Errors
    /// When it cannot, or it is dead.
    pub fn disconnect(&mut self) -> Result<(), Fault> {
        self.alive()?;
        // SAFETY: as above.
        let status = unsafe { (self.calls.disconnect)(self.this, self.slot.clear()) };
        self.done(status, "disconnecting")
    }

    /// Appends what has happened; waits at most so long.
    ///
    /// # Errors
    /// When it fails or broke a rule; events before that count.
    pub fn poll(&mut self, wait: Duration, events: &mut Vec<Event>) -> Result<(), Fault> {
        self.alive()?;
        let mut taking = Taking {
            events,
            left: EVENTS_MAX,
            stopped: false,
            wrong: None,
            asked: &mut self.asked,
            giving: &mut self.giving,
        };
        let sink = raw::EventSink {
            struct_size: size(size_of::<raw::EventSink>()),
            reserved0: 0,
            ctx: (&raw mut taking).cast(),
            event: Some(take),
        };
        let wait_ns = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
        // SAFETY: the broker lives; sink, events and slot live through the call, and nobody else touches them.
        let status = unsafe { (self.calls.poll)(self.this, wait_ns, &raw const sink, self.slot.clear()) };
        let wrong = taking.wrong.take();
        if let Some(why) = wrong {
            return Err(self.kill(contract(format!("it broke the contract: {why}"))));
        }
        self.done(status, "polling")
    }

    /// Sends an order.
    pub fn submit(&mut self, order: &Order) -> Submitted {
        if let Err(fault) = self.alive() {
            return Submitted::NotSent(fault);
        }
        if let Err(why) = order.check() {
            return Submitted::NotSent(Fault::new(FaultKind::Parameters, why));
        }
        if order.legs.len() > 1 && !self.info.caps.has(Caps::COMBOS) {
            let text = format!("`{}` takes no packages of several legs", self.info.id);
            return Submitted::NotSent(Fault::new(FaultKind::Unsupported, text));
        }
        let slot = self.slot.clear();
        // SAFETY: the broker lives; order and slot live through the call.
        let status = pass::with_order(order, |o| unsafe { (self.calls.submit)(self.this, o, slot) });
        if let Err(fault) = plain("sending an order") {
            return Submitted::Unknown(self.kill(fault));
        }
        match status {
            raw::OK | raw::E_DUPLICATE => Submitted::Sent,
            raw::E_IO | raw::E_REJECTED | raw::E_INVALID_ARG | raw::E_UNSUPPORTED => {
                Submitted::NotSent(self.slot.fault(status, "the order was not sent"))
            }
            raw::E_PANIC => {
                let fault = self.slot.fault(status, "sending an order");
                Submitted::Unknown(self.kill(fault))
            }
            status if status > 0 => {
                let text = format!("sending an order gave the status {status}, which means nothing");
                Submitted::Unknown(self.kill(contract(text)))
            }
            status => Submitted::Unknown(
                self.slot
                    .fault(status, "nobody can say whether the order was sent"),
            ),
        }
    }

    /// Asks to take an order back.
    ///
    /// # Errors
    /// When the request did not leave.
    pub fn cancel(&mut self, order: &str) -> Result<(), Fault> {
        self.alive()?;
        if !is_order_id(order) {
            return Err(Fault::new(FaultKind::Parameters, "the order's id is none"));
        }
        let id = raw::Str {
            ptr: order.as_ptr().cast(),
            len: order.len() as u64,
        };
        // SAFETY: the broker lives; id and slot live through the call.
        let status = unsafe { (self.calls.cancel)(self.this, id, self.slot.clear()) };
        self.done(status, "taking an order back")
    }

    /// Asks for a snapshot under a number that was not used before.
    ///
    /// # Errors
    /// When the request did not leave.
    pub fn request_snapshot(&mut self, request: u64, since_ns: i64) -> Result<(), Fault> {
        self.alive()?;
        if self.asked.len() >= ASKED_MAX {
            return Err(Fault::new(
                FaultKind::Failed,
                format!("{ASKED_MAX} snapshots were asked for, and none has come"),
            ));
        }
        // SAFETY: the broker and the slot live through the call.
        let status =
            unsafe { (self.calls.request_snapshot)(self.this, request, since_ns, self.slot.clear()) };
        self.done(status, "asking for a snapshot")?;
        self.asked.insert(request);
        Ok(())
    }

    /// What an order would take.
    ///
    /// # Errors
    /// When it cannot tell.
    pub fn what_if(&mut self, order: &Order) -> Result<WhatIf, Fault> {
        self.alive()?;
        let none = || {
            Fault::new(
                FaultKind::Unsupported,
                "this broker cannot tell what an order would take",
            )
        };
        let call = self.calls.what_if.ok_or_else(none)?;
        order
            .check()
            .map_err(|why| Fault::new(FaultKind::Parameters, why))?;
        let mut out = raw::WhatIf {
            struct_size: size(size_of::<raw::WhatIf>()),
            reserved0: 0,
            initial_margin_e9: raw::NOT_TOLD,
            maintenance_margin_e9: raw::NOT_TOLD,
            fee_e9: raw::NOT_TOLD,
        };
        let slot = self.slot.clear();
        // SAFETY: the broker lives; order, place and slot live through the call.
        let status = pass::with_order(order, |o| unsafe { call(self.this, o, &raw mut out, slot) });
        self.done(status, "asking what an order would take")?;
        let told = [out.initial_margin_e9, out.maintenance_margin_e9, out.fee_e9];
        if told.contains(&raw::NOT_TOLD) {
            return Err(self.kill(contract("`what_if` said yes and told nothing")));
        }
        Ok(WhatIf {
            initial_margin_e9: out.initial_margin_e9,
            maintenance_margin_e9: out.maintenance_margin_e9,
            fee_e9: out.fee_e9,
        })
    }

    /// Hands a simulated broker the quotes of an instant; others are left alone.
    ///
    /// # Errors
    /// When it fails, or it is dead.
    pub fn quotes(&mut self, at_ns: i64, quotes: &[Quote]) -> Result<(), Fault> {
        self.alive()?;
        let Some(call) = self.calls.quotes.filter(|_| self.info.caps.has(Caps::SIMULATED)) else {
            return Ok(());
        };
        let slot = self.slot.clear();
        // SAFETY: the broker lives; rows and slot live through the call.
        let status = pass::with_quotes(quotes, |rows, n| unsafe { call(self.this, at_ns, rows, n, slot) });
        self.done(status, "taking quotes")
    }

    /// Asks for quotes of these instruments and of no others, from now on; they come as events.
    ///
    /// # Errors
    /// When it gives none, or fails, or is dead.
    pub fn watch(&mut self, contracts: &[Contract]) -> Result<(), Fault> {
        self.alive()?;
        let Some(call) = self.calls.watch.filter(|_| self.info.caps.has(Caps::QUOTES)) else {
            return Err(Fault::new(FaultKind::Parameters, "this broker gives no quotes"));
        };
        for contract in contracts {
            contract
                .check()
                .map_err(|why| Fault::new(FaultKind::Parameters, why))?;
            if contract.kind == Kind::Index && !self.info.caps.has(Caps::INDICES) {
                return Err(Fault::new(
                    FaultKind::Parameters,
                    "this broker gives no values of indices",
                ));
            }
        }
        let slot = self.slot.clear();
        // SAFETY: the broker lives; rows and slot live through the call.
        let status = pass::with_instruments(contracts, |rows, n| unsafe { call(self.this, rows, n, slot) });
        self.done(status, "asking for quotes")
    }

    /// Asks which options of an underlying are listed; they come as events under the number, then its end.
    ///
    /// # Errors
    /// When it cannot tell, or fails, or is dead.
    pub fn list(&mut self, request: u64, underlying: &Word) -> Result<(), Fault> {
        self.alive()?;
        let Some(call) = self.calls.list.filter(|_| self.info.caps.has(Caps::CHAINS)) else {
            return Err(Fault::new(FaultKind::Parameters, "this broker lists no chains"));
        };
        let text = underlying.as_str();
        let name = raw::Str {
            ptr: text.as_ptr().cast(),
            len: text.len() as u64,
        };
        // SAFETY: the broker lives; name and slot live through the call.
        let status = unsafe { call(self.this, request, name, self.slot.clear()) };
        self.done(status, "asking for a listing")
    }

    /// Hands a simulated broker what contracts settle to; others are left alone.
    ///
    /// # Errors
    /// When it fails, or it is dead.
    pub fn final_values(&mut self, at_ns: i64, values: &[FinalValue]) -> Result<(), Fault> {
        self.alive()?;
        let Some(call) = self
            .calls
            .final_values
            .filter(|_| self.info.caps.has(Caps::SIMULATED))
        else {
            return Ok(());
        };
        let slot = self.slot.clear();
        // SAFETY: the broker lives; rows and slot live through the call.
        let status =
            pass::with_final_values(values, |rows, n| unsafe { call(self.this, at_ns, rows, n, slot) });
        self.done(status, "taking final values")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the broker is alive, and is never used again.
        unsafe { (self.calls.destroy)(self.this) }
        if Mode::now() != Mode::PLAIN {
            Mode::restore();
        }
    }
}

/// The events of one poll.
struct Taking<'a> {
    events: &'a mut Vec<Event>,
    left: usize,
    /// The broker was told to stop.
    stopped: bool,
    wrong: Option<String>,
    asked: &'a mut BTreeSet<u64>,
    giving: &'a mut Option<u64>,
}

impl Taking<'_> {
    /// Rows of a snapshot stand between its begin and its end, and it was asked for.
    fn in_place(&mut self, event: &Event) -> Result<(), String> {
        let Some(request) = event.request() else {
            return Ok(());
        };
        match (event, *self.giving) {
            (Event::SnapshotBegin { .. }, None) => {
                if !self.asked.remove(&request) {
                    return Err(format!("nobody asked for snapshot {request}"));
                }
                *self.giving = Some(request);
                Ok(())
            }
            (Event::SnapshotBegin { .. }, Some(other)) => {
                // The one before never ended: it proves nothing, and whoever asked sees no end.
                if !self.asked.remove(&request) {
                    return Err(format!("snapshot {request} begins inside snapshot {other}"));
                }
                *self.giving = Some(request);
                Ok(())
            }
            (_, Some(giving)) if giving == request => {
                if matches!(event, Event::SnapshotEnd { .. }) {
                    *self.giving = None;
                }
                Ok(())
            }
            _ => Err(format!("a row of snapshot {request} stands outside of it")),
        }
    }

    /// Whether the broker may go on.
    fn take(&mut self, event: Result<Event, String>) -> bool {
        if self.wrong.is_some() {
            return false;
        }
        if self.stopped {
            self.wrong = Some("it goes on with events after it was told to stop".to_owned());
            return false;
        }
        let event = event.and_then(|event| self.in_place(&event).map(|()| event));
        match event {
            Ok(mut event) => {
                if let Event::Down { text } | Event::Rejected { text, .. } | Event::Cancelled { text, .. } =
                    &mut event
                {
                    *text = one_line(text);
                }
                self.events.push(event);
                self.left = self.left.saturating_sub(1);
                self.stopped = self.left == 0;
                !self.stopped
            }
            Err(why) => {
                self.wrong = Some(why);
                false
            }
        }
    }
}

/// `event` of the sink that [`Connection::poll`] makes.
unsafe extern "C" fn take(ctx: *mut c_void, event: *const raw::BrokerEvent) -> i32 {
    if ctx.is_null() {
        return 1;
    }
    // SAFETY: `ctx` is the list of the call under way, which nobody else borrows.
    let taking = unsafe { &mut *ctx.cast::<Taking<'_>>() };
    // SAFETY: the plugin says that an event is there, for the duration of this call.
    let event = unsafe { pass::event(event) };
    i32::from(!taking.take(event))
}
