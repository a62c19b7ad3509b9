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
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => {
        window.labPlotly = undefined;
        script.remove();
        reject(new Error(path));
      };
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

function draw(host, state) {
  const { Plotly, data } = state;
  if (!Plotly || !host.isConnected) return;
  const figure = JSON.parse(data.figure);
  dress(figure.layout, host);
  keepZoom(figure.layout, state);
  figure.layout.height = data.height;
  // A finger scrolls the page; only a pointer zooms.
  if (window.matchMedia("(pointer: coarse)").matches) figure.layout.dragmode = false;
  const reset = () => {
    state.zoom = {};
    state.resets += 1;
    draw(host, state);
  };
  const config = {
    displaylogo: false,
    showSendToCloud: false,
    doubleClick: false,
    responsive: false,
    modeBarButtons: [["toImage", { name: data.words.reset, icon: Plotly.Icons.autoscale, click: reset }]],
    toImageButtonOptions: { filename: data.file, scale: 2 },
  };
  state.reset = reset;
  Plotly.react(host, figure.data, figure.layout, config);
  if (!state.listening) listen(host, state);
}

function listen(host, state) {
  state.listening = true;
  host.on("plotly_relayout", (change) => {
    for (const key of Object.keys(change)) {
      const name = /^([xy]axis\d*)\.range/.exec(key)?.[1];
      if (name) state.zoom[name] = [...host._fullLayout[name].range];
    }
  });
  host.on("plotly_doubleclick", () => state.reset());
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
    state = { zoom: {}, resets: 0, listening: false };
    states.set(host, state);
    host.style.height = `${data.height}px`;
  }
  state.data = data;
  state.choose = (value) => setTriggerValue("selected", value);
  host.setAttribute("aria-label", data.label);
  if (state.Plotly) draw(host, state);
  else {
    loadPlotly(data.plotly).then(
      (Plotly) => {
        state.Plotly = Plotly;
        host.replaceChildren();
        draw(host, state);
      },
      () => {
        host.textContent = data.words.missing;
        host.classList.add("live-chart-missing");
      },
    );
  }
  return () => {
    state.observer?.disconnect();
    state.Plotly?.purge(host);
    states.delete(host);
  };
}
