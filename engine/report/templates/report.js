"use strict";
// Reads off the day under the pointer. Without this script the page says the same, only not at a touch.
(() => {
  const days = JSON.parse(document.getElementById("days").textContent);
  const tip = document.getElementById("tip");
  const usd = (v) => (v < 0 ? "-$" : "$") + Math.abs(v).toLocaleString("en-US", { maximumFractionDigits: 0 });
  const num = (v) => (v === null ? "unknown" : v.toLocaleString("en-US", { maximumSignificantDigits: 4 }));
  const lines = {
    equity: (i) => `mid      ${usd(days.mid[i])}\nshare    ${usd(days.share[i])}\nnatural  ${usd(days.natural[i])}`,
    drawdown: (i) => `${usd(days.fall[i])} from the peak`,
    trades: (i) => `price ${num(days.price[i])}\n${days.open[i]} open`,
    delta: (i) => num(days.delta[i]), gamma: (i) => num(days.gamma[i]),
    vega: (i) => num(days.vega[i]), theta: (i) => num(days.theta[i]),
  };
  for (const svg of document.querySelectorAll("svg[data-chart]")) {
    const d = svg.dataset, left = +d.left, right = +d.right, from = +d.from, to = +d.to;
    const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y2", svg.viewBox.baseVal.height - 22);
    const hide = () => { tip.hidden = true; cursor.remove(); };
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("pointermove", (e) => {
      const box = svg.getBoundingClientRect();
      const x = ((e.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      const at = from + ((x - left) / (right - left)) * (to - from);
      let i = 0;
      for (let k = 1; k < days.at.length; k++) if (Math.abs(days.at[k] - at) < Math.abs(days.at[i] - at)) i = k;
      if (!days.at.length || x < left - 4 || x > right + 4) return hide();
      const cx = left + ((days.at[i] - from) / (to - from)) * (right - left);
      cursor.setAttribute("x1", cx); cursor.setAttribute("x2", cx);
      svg.append(cursor);
      tip.textContent = days.date[i] + "\n" + lines[d.chart](i);
      tip.hidden = false;
      const px = box.left + (cx / svg.viewBox.baseVal.width) * box.width;
      tip.style.left = Math.max(4, Math.min(px + 12, innerWidth - tip.offsetWidth - 8)) + scrollX + "px";
      tip.style.top = e.clientY + scrollY + 14 + "px";
    });
  }
})();
