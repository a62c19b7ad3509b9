// One chart that is drawn again in place: the same DOM node, the reader's zoom and hidden legend entries kept.

const states = new WeakMap();
const FONT_REM = 0.8125; // grows with the page's text
const NARROW = 480; // pixels

/** Load plotly.js once a browser tab, from the server that served the page. */
function loadPlotly(path) {
  if (!window.labPlotly) {
    window.labPlotly = new Promise((resolve, reject) => {
      if (window.Plotly) return resolve(window.Plotly);
      const main = document.querySelector('script[src*="/static/js/"]');
      const root = main ? main.src.split("/static/js/")[0] : window.location.origin;
      const script = document.createElement("script");
      script.src = root + path;
      const fail = () => {
        window.labPlotly = undefined;
        script.remove();
        reject(new Error(path));
      };
      // A proxy or the server's own fallback may answer with a page of HTML and status 200.
      script.onload = () => (window.Plotly ? resolve(window.Plotly) : fail());
      script.onerror = fail;
      document.head.appendChild(script);
    });
  }
  return window.labPlotly;
}

/** Give the figure the colours and the font of the page's present theme. */
function dress(layout, host) {
  const page = getComputedStyle(host);
  const value = (name, otherwise) => page.getPropertyValue(name).trim() || otherwise;
  const text = value("--st-text-color", "#333333");
  const quiet = value("--st-gray-text-color", text);
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
  const size = (host.clientWidth >= NARROW && layout.font?.size) || FONT_REM * rem;
  if (host.clientWidth < NARROW && layout.legend?.font) layout.legend.font.size = size;
  layout.font = { ...layout.font, size, color: text, family: value("--st-font", "sans-serif") };
  layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: quiet, activecolor: text };
  layout.hoverlabel = {
    bgcolor: value("--st-background-color", "#ffffff"),
    bordercolor: value("--st-border-color", text),
    ...layout.hoverlabel,
    font: { color: text, ...layout.hoverlabel?.font },
  };
}

/** Put the reader's zoom over the ranges that the figure asks for. */
function keepZoom(layout, state) {
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
    layout[name].uirevision = state.resets;
    if (state.zoom[name]) Object.assign(layout[name], { range: [...state.zoom[name]], autorange: false });
  }
}

/** Make a name fit to be a trace's uid: plotly.js puts it into a CSS selector, and throws on "T 4, alpha 0.9" when it saves a picture. */
function identifier(name) {
  return name.replace(/[^\w-]/g, (sign) => `_${sign.codePointAt(0)}_`);
}

/** Break what a narrow chart would cut off: long names in the legend and beside points. */
function breakNames(trace) {
  if (trace.name) trace.name = lines(trace.name, 38).join("<br>");
  if (trace.mode?.includes("text")) trace.text = trace.text.map((text) => lines(text, 30).join("<br>"));
}

function draw(host, state) {
  const { Plotly, data } = state;
  if (!Plotly || !host.isConnected) return;
  const figure = JSON.parse(data.figure);
  // The Python package drops a trace's uid; without one, hidden entries would follow a trace's position.
  for (const trace of figure.data) trace.uid = identifier(trace.meta ?? trace.name ?? "");
  if (host.clientWidth < NARROW) figure.data.forEach(breakNames);
  dress(figure.layout, host);
  keepZoom(figure.layout, state);
  figure.layout.height = data.height;
  // A finger scrolls the page; only a pointer zooms.
  if (window.matchMedia("(pointer: coarse)").matches) figure.layout.dragmode = false;
  if (state.drawn) {
    // Without a config: react() takes one with a function in it for changed each time and rebuilds the chart without end.
    Plotly.react(host, figure.data, figure.layout);
  } else {
    state.drawn = true;
    host.replaceChildren();
    Plotly.newPlot(host, figure.data, figure.layout, configure(host, state));
    listen(host, state);
  }
  for (const button of host.querySelectorAll(".modebar-btn")) {
    button.tabIndex = 0;
    button.setAttribute("role", "button");
    button.setAttribute("aria-label", button.dataset.title);
  }
}

/** Turn a text into one that plotly.js shows as it is. */
function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** Break a text into lines of at most so many signs. */
function lines(text, most) {
  const found = [""];
  for (const word of text.split(" ")) {
    if (found.at(-1) && found.at(-1).length + word.length >= most) found.push(word);
    else found[found.length - 1] += (found.at(-1) ? " " : "") + word;
  }
  return found;
}

/** Save the chart as it is on screen, with its title, its notes and the page's background, in a font that every picture has. */
async function savePicture(host, state) {
  const { Plotly, data } = state;
  const page = getComputedStyle(host);
  const head = [`<b>${escaped(data.title)}</b>`, ...data.notes.flatMap((note) => lines(note, 120)).map((line) => `<span style="font-size:15px">${escaped(line)}</span>`)];
  const layout = {
    ...host.layout,
    autosize: false,
    font: { ...host.layout.font, family: "Arial, Helvetica, sans-serif" },
    paper_bgcolor: page.getPropertyValue("--st-background-color").trim() || "#ffffff",
    title: { text: head.join("<br>"), font: { size: 20 }, x: 0, xref: "container", xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { l: 16, t: 36 } },
    legend: { ...host.layout.legend, x: 0, xanchor: "left", y: 0, yref: "container", yanchor: "bottom", orientation: "h" },
    margin: { l: 24, r: 32, t: 56 + 24 * head.length, b: 64 },
  };
  const size = { width: 1200, height: Math.max(data.height, 420) + 24 * head.length + 76 };
  const url = await Plotly.toImage({ data: host.data, layout }, { format: "png", scale: 2, ...size });
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: `${data.file}.png` });
  link.click();
}

/** Return the points that can be reached, by trace. */
function reachable(host) {
  return host.data
    .map((trace, curveNumber) => ({ trace, curveNumber }))
    .filter(({ trace }) => (trace.visible ?? true) === true && trace.hoverinfo !== "skip" && trace.y)
    .map(({ trace, curveNumber }) => [...trace.y].flatMap((y, pointNumber) => (Number.isFinite(y) ? [{ curveNumber, pointNumber }] : [])))
    .filter((points) => points.length);
}

/** Go from point to point by arrow keys, choose one by Enter, and press a button of the bar by Enter or Space. */
function onKey(event, host, state) {
  const button = event.target.closest?.(".modebar-btn");
  if (button) {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    button.click();
    return;
  }
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (!step && event.key !== "Enter") return;
  const traces = reachable(host);
  if (!traces.length) return;
  const within = (place, length) => Math.min(Math.max(place, 0), length - 1);
  event.preventDefault();
  if (step) {
    state.place = state.place ? [state.place[0] + step[0], state.place[1] + step[1]] : [0, 0];
    state.place[0] = within(state.place[0], traces.length);
    state.place[1] = within(state.place[1], traces[state.place[0]].length);
  }
  if (!state.place) return;
  const points = traces[within(state.place[0], traces.length)];
  const point = points[within(state.place[1], points.length)];
  if (step) {
    state.Plotly.Fx.hover(host, [point]);
    state.told.textContent = [...host.querySelectorAll(".hoverlayer text")].map((text) => text.textContent).join(" ");
  } else if (state.data.clickable) {
    const chosen = host.data[point.curveNumber].customdata?.[point.pointNumber];
    if (chosen != null) state.choose(Array.isArray(chosen) ? chosen[0] : chosen);
  }
}

function showEverything(host, state) {
  state.zoom = {};
  state.resets += 1;
  draw(host, state);
}

function configure(host, state) {
  const { Plotly, data } = state;
  const save = { name: data.words.save, icon: Plotly.Icons.camera, click: () => savePicture(host, state) };
  const again = { name: data.words.reset, icon: Plotly.Icons.autoscale, click: () => showEverything(host, state) };
  return {
    displaylogo: false,
    showSendToCloud: false,
    doubleClick: false,
    responsive: false,
    modeBarButtons: [[save, again]],
  };
}

function listen(host, state) {
  const { Plotly } = state;
  host.on("plotly_relayout", (change) => {
    for (const key of Object.keys(change)) {
      const name = /^([xy]axis\d*)\.range/.exec(key)?.[1];
      if (name) state.zoom[name] = [...host._fullLayout[name].range];
    }
  });
  host.on("plotly_doubleclick", () => showEverything(host, state));
  host.on("plotly_click", (event) => {
    const chosen = event.points?.[0]?.customdata;
    if (state.data.clickable && chosen != null) state.choose(Array.isArray(chosen) ? chosen[0] : chosen);
  });
  host.addEventListener("keydown", (event) => onKey(event, host, state));
  host.addEventListener("blur", () => Plotly.Fx.unhover(host));
  state.observer = new ResizeObserver(() => {
    cancelAnimationFrame(state.frame);
    state.frame = requestAnimationFrame(() => {
      if (host.isConnected && host.clientWidth && host._fullLayout?.width !== host.clientWidth) state.Plotly.Plots.resize(host);
    });
  });
  state.observer.observe(host);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".live-chart");
  if (!host || !data) return undefined;
  let state = states.get(host);
  if (!state) {
    state = { zoom: {}, resets: 0, drawn: false };
    states.set(host, state);
    host.style.height = `${data.height}px`;
  }
  state.data = data;
  state.choose = (value) => setTriggerValue("selected", value);
  state.told = parentElement.querySelector(".live-chart-told");
  host.setAttribute("aria-label", `${data.label}. ${data.clickable ? data.words.enter : data.words.keys}`);
  loadPlotly(data.plotly).then(
    (Plotly) => {
      state.Plotly = Plotly;
      draw(host, state);
    },
    () => (host.textContent = data.words.missing),
  );
  // Streamlit also calls this for a call that newer data overtook; the chart then lives on.
  return () => {
    if (host.isConnected) return;
    state.observer?.disconnect();
    state.Plotly?.purge(host);
    states.delete(host);
  };
}
