/*
 * Draws the charts of a page with uPlot. A chart is an element with data-chart="NAME"; its data stands in
 * a data-series attribute:
 * {kind: "line" | "bars", unit, x: seconds since 1970, y: [[...], ...], labels: [...], digits?}
 * It comes anew, as {series, summary}, with every "charts" event.
 */
(() => {
  const plots = new Map();

  /** From so many points on, a line is drawn without dots. */
  const mostDots = 30;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const written = {
    rate: (value) =>
      value >= 10 ? Math.round(value).toLocaleString("en") : String(+value.toFixed(2)),
    ms: (value) =>
      value < 1_000
        ? `${Math.round(value)} ms`
        : value < 90_000
        ? `${+(value / 1_000).toFixed(1)} s`
        : `${+(value / 60_000).toFixed(1)} min`,
    count: (value) => Math.round(value).toLocaleString("en"),
    money: (value) =>
      new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 })
        .format(value),
  };

  /** What the axis reaches at least, so that its marks differ in words. */
  const leastHeight = { rate: 1, ms: 10, count: 5, money: 1 };

  const hourMinute = (seconds) => {
    const time = new Date(seconds * 1_000);
    return time.toISOString().slice(11, 16);
  };
  const dayMonth = (seconds) =>
    new Date(seconds * 1_000).toLocaleDateString("en-GB", {
      day: "numeric",
      month: "short",
      timeZone: "UTC",
    });

  const optionsFor = (element, data) => {
    const accent = colour("--chart-1");
    const second = colour("--chart-2");
    const axis = {
      stroke: colour("--muted"),
      font: "11px Inter, system-ui, sans-serif",
      ticks: { show: false },
      grid: { stroke: colour("--chart-grid"), width: 1 },
    };
    // Money comes in minor units, of which its currency has so many digits.
    const unit = 10 ** (data.digits ?? 0);
    const write = (value) => written[data.unit](value / unit);
    const whenText = data.x.length === 1 || data.x[1] - data.x[0] >= 86_400 ? dayMonth : hourMinute;
    const bars = data.kind === "bars"
      ? uPlot.paths.bars({ size: [0.7, 40], radius: 0.15 })
      : undefined;
    return {
      width: element.clientWidth,
      height: Number(element.dataset.height ?? 190),
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), "UTC"),
      padding: [10, 18, 0, 0],
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      legend: { show: false },
      scales: {
        x: { time: true },
        // What was given back may be more than what came in.
        y: {
          range: (_, least, most) => [
            Math.min(0, least * 1.12),
            Math.max(most * 1.12, unit * leastHeight[data.unit]),
          ],
        },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 28,
          space: 70,
          values: (_, marks) => marks.map(whenText),
        },
        {
          ...axis,
          // As wide as its longest word: "12.5 min" is.
          size: (_, words) => 16 + 6.5 * Math.max(4, ...(words ?? []).map((word) => word.length)),
          space: 36,
          // Without a value there is nothing to measure.
          values: (plot, marks) =>
            plot.data.slice(1).flat().some((value) => value !== null && value !== 0)
              ? marks.map(write)
              : marks.map(() => ""),
        },
      ],
      series: [
        {},
        ...data.y.map((_, index) => ({
          label: data.labels[index],
          stroke: index === 0 ? accent : second,
          width: data.kind === "bars" ? 0 : 1.6,
          fill: data.kind === "bars"
            ? (index === 0 ? accent : second)
            : index === 0
            ? `color-mix(in srgb, ${accent} 10%, transparent)`
            : undefined,
          paths: bars,
          // A line of few points may have none beside another, and would not be seen.
          points: {
            show: (plot) =>
              plot.data[index + 1].filter((value) => value !== null).length < mostDots,
            size: 5,
            width: 0,
            fill: index === 0 ? accent : second,
          },
          spanGaps: data.unit === "ms",
        })),
      ],
      hooks: {
        setCursor: [(plot) => {
          const read = element.parentElement.querySelector("[data-readout]");
          if (read === null) return;
          const at = plot.cursor.idx;
          read.textContent = at === null || at === undefined ? read.dataset.readout : [
            whenText(plot.data[0][at]),
            ...data.labels.map((label, index) => {
              const value = plot.data[index + 1][at];
              return `${label} ${value === null ? "–" : write(value)}`;
            }),
          ].join("  ·  ");
        }],
      },
    };
  };

  const draw = (element, data) => {
    const known = plots.get(element);
    if (known !== undefined && known.width === element.clientWidth) {
      known.plot.setData([data.x, ...data.y]);
      known.data = data;
      return;
    }
    known?.plot.destroy();
    element.replaceChildren();
    const plot = new uPlot(optionsFor(element, data), [data.x, ...data.y], element);
    plots.set(element, { plot, data, width: element.clientWidth });
  };

  const drawAll = () => {
    for (const element of document.querySelectorAll("[data-chart][data-series]")) {
      draw(element, JSON.parse(element.dataset.series));
    }
  };

  const redraw = () => {
    for (const [element, { data, plot }] of [...plots]) {
      plot.destroy();
      plots.delete(element);
      draw(element, data);
    }
  };

  addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("charts", ({ detail }) => {
    for (const [name, { series, summary }] of Object.entries(detail)) {
      const element = document.querySelector(`[data-chart="${CSS.escape(name)}"]`);
      if (element === null) continue;
      draw(element, series);
      const read = element.parentElement.querySelector("[data-readout]");
      // What is being pointed at stays.
      if (read.textContent === read.dataset.readout) read.textContent = summary;
      read.dataset.readout = summary;
    }
  });
  let resizing;
  addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(redraw, 120);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
