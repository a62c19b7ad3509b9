// One chart that is drawn again in place: the same DOM node, the reader's zoom and hidden legend entries kept.

const states = new WeakMap();

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
  layout.font = { ...layout.font, color: text, family: value("--st-font", "sans-serif"), size: 13 };
  layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: quiet, activecolor: text };
  layout.hoverlabel = {
    bgcolor: value("--st-background-color", "#ffffff"),
    bordercolor: value("--st-border-color", text),
    font: { color: text },
    ...layout.hoverlabel,
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

function draw(host, state) {
  const { Plotly, data } = state;
  if (!Plotly || !host.isConnected) return;
  const figure = JSON.parse(data.figure);
  // The Python package drops a trace's uid; without one, hidden entries would follow a trace's position.
  for (const trace of figure.data) trace.uid = identifier(trace.meta ?? trace.name ?? "");
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
}

function showEverything(host, state) {
  state.zoom = {};
  state.resets += 1;
  draw(host, state);
}

function configure(host, state) {
  const { Plotly, data } = state;
  const again = { name: data.words.reset, icon: Plotly.Icons.autoscale, click: () => showEverything(host, state) };
  return {
    displaylogo: false,
    showSendToCloud: false,
    doubleClick: false,
    responsive: false,
    modeBarButtons: [["toImage", again]],
    toImageButtonOptions: { filename: data.file, scale: 2 },
  };
}

function listen(host, state) {
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
  host.setAttribute("aria-label", data.label);
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
