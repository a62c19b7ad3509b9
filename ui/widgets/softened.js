// Probabilities at a temperature that is dragged here, and the sizes of the gradients that they give a student's logits.

const LOWEST = 0.5;
const HIGHEST = 50;
const STEPS = 400; // of the slider, whose steps are equal ratios
const MOST_CLASSES = 10;
const LONGEST_NAME = 10; // letters of a class's name beside its bar; longer ones end in an ellipsis
const CURVE_POINTS = 80;
const QUIET_MS = 250; // after which a temperature counts as chosen
const SMALLEST = 1e-5; // of the gradient chart
const MARKS = [0.5, 1, 2, 4, 8, 20, 50];
const LINES = {
  with: { colour: "#0072B2", dash: "" },
  without: { colour: "#56B4E9", dash: "6 4" },
  labels: { colour: "#7F7F7F", dash: "2 3" },
};
const states = new WeakMap();

/** Return softmax(logits / temperature). */
export function softmax(logits, temperature) {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp((logit - largest) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Return the entropy of probabilities, in bits. */
export function entropy(probabilities) {
  return -probabilities.reduce((total, p) => total + (p > 0 ? p * Math.log2(p) : 0), 0);
}

/** Return the mean over images of the length of d KL(teacher || student) / d student's logits, without T². */
export function softGradient(teacher, student, temperature) {
  let total = 0;
  teacher.forEach((logits, image) => {
    const target = softmax(logits, temperature);
    const own = softmax(student[image], temperature);
    total += Math.hypot(...own.map((p, k) => (p - target[k]) / temperature));
  });
  return total / teacher.length;
}

/** Return the mean over images of the length of d cross-entropy / d student's logits. */
export function labelGradient(labels, student) {
  let total = 0;
  student.forEach((logits, image) => {
    total += Math.hypot(...softmax(logits, 1).map((p, k) => p - (k === labels[image] ? 1 : 0)));
  });
  return total / student.length;
}

const toTemperature = (place) => LOWEST * (HIGHEST / LOWEST) ** (place / STEPS);
const toPlace = (temperature) => (STEPS * Math.log(temperature / LOWEST)) / Math.log(HIGHEST / LOWEST);
const rounded = (temperature) => Number(temperature.toPrecision(2));
const within = (temperature) => Math.min(Math.max(temperature, LOWEST), HIGHEST);
const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

function percent(share) {
  if (share > 0 && share < 0.00005) return "< 0.01 %";
  return `${(100 * share).toFixed(share < 0.01 ? 2 : 1)} %`;
}

function element(tag, className, parent, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

function vector(tag, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent?.append(made);
  return made;
}

/** Draw an image of grey or colour pixels, 0 to 255, channel by channel. */
function paint(canvas, pixels, [channels, height, width]) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const plane = width * height;
  for (let at = 0; at < plane; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) image.data[4 * at + channel] = pixels[(channels === 3 ? channel : 0) * plane + at];
    image.data[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** Build what stays while images and temperatures change. */
function build(host, state) {
  const { words } = state.data;
  host.replaceChildren();
  const parts = (state.parts = {});
  const head = element("div", "softened-head", host);
  const left = element("div", "", head);
  const picture = element("div", "softened-picture", left);
  const step = (sign, name, by) => {
    const button = element("button", "", picture, sign);
    button.type = "button";
    button.setAttribute("aria-label", name);
    button.onclick = () => {
      state.image = (state.image + by + state.data.labels.length) % state.data.labels.length;
      drawImage(state);
      drawBars(state);
    };
    return button;
  };
  step("‹", words.previous, -1);
  parts.canvas = element("canvas", "", picture);
  step("›", words.next, 1);
  parts.place = element("div", "softened-place", left);
  buildSlider(element("div", "softened-drag", head), state);
  parts.networks = element("div", "softened-networks", host);
  const longest = Math.max(...state.data.classes.map((name) => [...name].length));
  parts.networks.style.setProperty("--names", `${Math.min(longest, LONGEST_NAME) + 2}ch`); // one column for all, with room for ✓
  if (state.data.gradients) buildGradients(element("section", "softened-gradients", host), state);
}

function buildSlider(parent, state) {
  const { words } = state.data;
  const { parts } = state;
  const label = element("label", "", parent, `${words.temperature}. ${words.drag}`);
  const line = element("div", "softened-slide", parent);
  parts.slider = element("input", "", line);
  Object.assign(parts.slider, { type: "range", min: 0, max: STEPS, step: 1 });
  parts.slider.setAttribute("aria-label", words.temperature);
  parts.box = element("input", "", line);
  Object.assign(parts.box, { type: "number", min: LOWEST, max: HIGHEST, step: 0.1 });
  parts.box.setAttribute("aria-label", words.temperature);
  label.onclick = () => parts.slider.focus();
  parts.slider.oninput = () => move(state, rounded(toTemperature(Number(parts.slider.value))), parts.slider);
  parts.box.oninput = () => Number(parts.box.value) > 0 && move(state, within(Number(parts.box.value)), parts.box);
  parts.box.onblur = () => (parts.box.value = state.temperature);
  parts.slider.onchange = parts.box.onchange = () => state.tell(state.temperature);
  parts.told = element("p", "softened-told", parent);
  parts.told.setAttribute("aria-live", "polite");
}

function buildGradients(parent, state) {
  const { words, networks } = state.data;
  const { parts } = state;
  const head = element("header", "", parent);
  element("strong", "", head, fill(words.gradient_title, { count: state.data.labels.length }));
  const label = element("label", "", head, words.gradient_of);
  parts.learner = element("select", "", label);
  for (const network of networks.slice(1)) element("option", "", parts.learner, network.title).value = network.name;
  parts.learner.value = state.data.learner;
  parts.learner.onchange = () => {
    state.curves = undefined;
    drawGradients(state);
  };
  const legend = element("div", "softened-legend", parent);
  for (const [name, style] of Object.entries(LINES)) {
    const entry = element("span", "", legend);
    const sample = vector("svg", { viewBox: "0 0 28 8", "aria-hidden": "true" }, entry);
    vector("line", { x1: 0, x2: 28, y1: 4, y2: 4, stroke: style.colour, "stroke-width": 2.5, "stroke-dasharray": style.dash }, sample);
    element("span", "", entry, words[name]);
  }
  parts.chart = vector("svg", { role: "img", "aria-label": fill(words.gradient_title, { count: state.data.labels.length }) }, parent);
  parts.sizes = element("p", "softened-told", parent);
}

/** Take a temperature, and show it everywhere but where it was just set. */
function move(state, temperature, source) {
  state.temperature = temperature;
  if (source !== state.parts.slider) state.parts.slider.value = toPlace(temperature);
  if (source !== state.parts.box) state.parts.box.value = temperature;
  state.parts.slider.setAttribute("aria-valuetext", String(temperature));
  drawBars(state);
  drawGradients(state);
}

function drawImage(state) {
  const { data, image, parts } = state;
  paint(parts.canvas, data.images[image], data.shape);
  const label = data.classes[data.labels[image]];
  const place = fill(data.words.image, { place: image + 1, count: data.labels.length });
  parts.place.textContent = `${place}; ${fill(data.words.label, { label })}`;
  parts.canvas.setAttribute("role", "img");
  parts.canvas.setAttribute("aria-label", parts.place.textContent);
}

/** Return which classes have a bar: all, or those that the teacher finds most plausible and the label, in order of classes. */
function shownClasses(state) {
  const { data, image } = state;
  const logits = data.networks[0].logits[image];
  const order = logits.map((_logit, k) => k).sort((a, b) => logits[b] - logits[a]);
  const label = data.labels[image];
  const first = order.slice(0, MOST_CLASSES);
  if (!first.includes(label)) first[first.length - 1] = label;
  return first.sort((a, b) => a - b);
}

function drawBars(state) {
  const { data, image, parts, temperature } = state;
  const classes = shownClasses(state);
  parts.networks.replaceChildren();
  for (const network of data.networks) {
    const logits = network.logits[image];
    const probabilities = softmax(logits, temperature);
    const panel = element("div", "softened-network", parts.networks);
    panel.dataset.network = network.name;
    const name = element("div", "softened-name", panel);
    element("i", "", name).style.background = network.colour;
    element("span", "", name, network.title);
    const values = { bits: entropy(probabilities).toFixed(2), most: Math.log2(logits.length).toFixed(2) };
    element("div", "softened-entropy", panel, fill(data.words.entropy, values));
    for (const k of classes) drawBar(panel, state, network, k, probabilities[k]);
  }
  tellPlausible(state);
}

function drawBar(panel, state, network, k, share) {
  const right = k === state.data.labels[state.image];
  const row = element("div", right ? "softened-row right" : "softened-row", panel);
  row.title = fill(state.data.words.logit, { logit: network.logits[state.image][k].toFixed(2) });
  element("span", "name", row, right ? `${state.data.classes[k]} ✓` : state.data.classes[k]).title = state.data.classes[k];
  const bar = element("i", "", element("span", "bar", row));
  Object.assign(bar.style, { width: `${100 * share}%`, background: network.colour });
  element("span", "share", row, percent(share));
}

function tellPlausible(state) {
  const { data, image, temperature } = state;
  const probabilities = softmax(data.networks[0].logits[image], temperature);
  const label = data.labels[image];
  const wrong = probabilities.map((_p, k) => k).filter((k) => k !== label);
  const [first, second] = wrong.sort((a, b) => probabilities[b] - probabilities[a]);
  state.parts.told.textContent = fill(data.words.plausible, {
    temperature,
    label: data.classes[label],
    share: percent(probabilities[label]),
    first: data.classes[first],
    first_share: percent(probabilities[first]),
    second: data.classes[second],
    second_share: percent(probabilities[second]),
  });
}

/** Return the three curves over the temperature, computed once a learner. */
function curves(state) {
  if (state.curves) return state.curves;
  const { networks, labels } = state.data;
  const student = networks.find((network) => network.name === state.parts.learner.value).logits;
  const temperatures = Array.from({ length: CURVE_POINTS + 1 }, (_none, at) => toTemperature((at * STEPS) / CURVE_POINTS));
  const without = temperatures.map((temperature) => softGradient(networks[0].logits, student, temperature));
  const fromLabels = labelGradient(labels, student);
  state.curves = {
    student,
    temperatures,
    without,
    with: without.map((size, at) => size * temperatures[at] ** 2),
    labels: temperatures.map(() => fromLabels),
  };
  return state.curves;
}

function drawGradients(state) {
  const { parts, data, temperature } = state;
  if (!parts.chart) return;
  const found = curves(state);
  const box = { width: parts.chart.clientWidth || 600, height: parts.chart.clientHeight || 240, left: 64, right: 12, top: 8, bottom: 36 };
  const values = Object.keys(LINES).flatMap((name) => found[name]);
  const low = Math.floor(Math.log10(Math.max(Math.min(...values), SMALLEST)));
  const high = Math.ceil(Math.log10(Math.max(...values, 10 * SMALLEST)));
  const x = (t) => box.left + ((box.width - box.left - box.right) * toPlace(t)) / STEPS;
  const y = (size) => box.top + ((box.height - box.top - box.bottom) * (high - Math.log10(Math.max(size, 10 ** low)))) / (high - low);
  parts.chart.replaceChildren();
  for (let power = low; power <= high; power += 1) {
    vector("line", { class: "grid", x1: box.left, x2: box.width - box.right, y1: y(10 ** power), y2: y(10 ** power) }, parts.chart);
    const text = vector("text", { x: box.left - 8, y: y(10 ** power) + 4, "text-anchor": "end" }, parts.chart);
    text.textContent = power < -3 ? `1e${power}` : String(10 ** power).slice(0, 6);
  }
  for (const mark of MARKS) {
    const text = vector("text", { x: x(mark), y: box.height - box.bottom + 16, "text-anchor": "middle" }, parts.chart);
    text.textContent = mark;
  }
  const title = vector("text", { x: (box.left + box.width - box.right) / 2, y: box.height - 2, "text-anchor": "middle" }, parts.chart);
  title.textContent = data.words.temperature;
  for (const [name, style] of Object.entries(LINES)) {
    const path = found[name].map((size, at) => `${at ? "L" : "M"}${x(found.temperatures[at]).toFixed(1)} ${y(size).toFixed(1)}`).join("");
    vector("path", { d: path, stroke: style.colour, "stroke-dasharray": style.dash }, parts.chart);
  }
  vector("line", { class: "here", x1: x(temperature), x2: x(temperature), y1: box.top, y2: box.height - box.bottom }, parts.chart);
  const size = softGradient(data.networks[0].logits, found.student, temperature);
  const number = (value) => String(Number(value.toPrecision(2)));
  parts.sizes.textContent = fill(data.words.told, {
    temperature,
    without: number(size),
    with: number(size * temperature ** 2),
    labels: number(found.labels[0]),
  });
}

export default function ({ data, parentElement, setStateValue }) {
  const host = parentElement.querySelector(".softened");
  if (!host || !data) return undefined;
  let state = states.get(host);
  const same = state && JSON.stringify(state.data) === JSON.stringify(data);
  if (!state) {
    state = { image: 0, temperature: within(data.temperature) };
    states.set(host, state);
    state.observer = new ResizeObserver(() => state.parts && drawGradients(state));
    state.observer.observe(host);
  }
  state.tell = (temperature) => {
    clearTimeout(state.telling);
    state.telling = setTimeout(() => setStateValue("temperature", temperature), QUIET_MS);
  };
  if (!same) {
    if (state.data && state.data.temperature !== data.temperature) state.tell((state.temperature = within(data.temperature)));
    state.data = data;
    state.curves = undefined;
    state.image = Math.min(state.image, data.labels.length - 1);
    build(host, state);
    drawImage(state);
    move(state, state.temperature);
  }
  return () => {
    if (host.isConnected) return;
    state.observer.disconnect();
    states.delete(host);
  };
}
