"use strict";
// The page's own script: the packet box, the search, and chains that are filled when they are opened. Text of the rule
// set comes in as text, or as markup that the engine has escaped; nothing is ever made of it here.
(() => {
  const $ = (id) => document.getElementById(id);
  const served = document.body.dataset.answers === "server";
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();

  /** What the engine or the server refuses, in its own words. */
  class Refusal extends Error {}

  // MARK: The engine

  let wasm = null;
  let starting = null;
  /** The node's files as the engine takes them; of the empty page, what was put in. */
  let files = null;

  async function unpack(id) {
    const text = $(id).textContent.trim();
    const packed = atob(text);
    const bytes = new Uint8Array(packed.length);
    for (let index = 0; index < packed.length; index += 1) bytes[index] = packed.charCodeAt(index);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function call(name, bytes, ...numbers) {
    if (bytes) {
      const room = wasm.hookline_room(bytes.length) >>> 0;
      new Uint8Array(wasm.memory.buffer, room, bytes.length).set(bytes);
    }
    const count = wasm["hookline_" + name](...numbers) >>> 0;
    const text = decoder.decode(
      new Uint8Array(wasm.memory.buffer, wasm.hookline_answer() >>> 0, count & 0x7fffffff));
    if (count & 0x80000000) throw new Refusal(text);
    return text;
  }

  /** Starts the engine, once, with the node's files. */
  function start() {
    starting ??= (async () => {
      const module = await WebAssembly.instantiate(await unpack("engine"), {});
      wasm = module.instance.exports;
      if ($("files")) files ??= await unpack("files");
      if (files) call("load", files);
    })();
    return starting;
  }

  /** Asks the engine of this page, or the server that it came from. */
  async function ask(name, text = "", ...numbers) {
    if (served) {
      const token = new URLSearchParams(location.search).get("token");
      const reply = await fetch("page/" + name, {
        method: "POST", body: numbers.length ? numbers.join(" ") : text,
        headers: token ? { Authorization: "Bearer " + token } : {},
      });
      const words = await reply.text();
      if (!reply.ok) throw new Refusal(words.trim());
      return words;
    }
    if (!$("engine")) throw new Refusal("this page was made without the engine");
    try {
      await start();
    } catch (problem) {
      if (problem instanceof Refusal) throw problem;
      throw new Refusal("this browser can't run the engine: " + problem.message);
    }
    try {
      return call(name, encoder.encode(text), ...numbers);
    } catch (problem) {
      if (problem instanceof Refusal) throw problem;
      // A trap leaves its memory as it is: the next question gets a new engine.
      wasm = null;
      starting = null;
      throw new Refusal("the engine stopped: " + problem.message);
    }
  }

  // MARK: The packet box

  /** The words of a line as a shell would take them apart: quotes hold spaces. */
  function words(line) {
    const found = [];
    for (const match of line.matchAll(/(?:"([^"]*)"|'([^']*)'|[^\s"']+)+/g)) {
      found.push(match[0].replace(/"([^"]*)"|'([^']*)'/g, (_, a, b) => a ?? b));
    }
    return found;
  }

  function packetWords() {
    const found = [];
    for (const name of ["from", "to", "in"]) {
      const value = $("packet-" + name).value.trim();
      if (value) found.push("--" + name, value);
    }
    return found.concat(words($("packet-more").value));
  }

  async function trace(event) {
    event.preventDefault();
    const own = packetWords();
    const asJSON = event.submitter?.value === "json";
    if (asJSON) own.push("--json");
    const answer = $("answer");
    answer.setAttribute("aria-busy", "true");
    try {
      const text = await ask("trace", own.map((word) => word + "\0").join(""));
      if (own.includes("--json")) {
        const shown = document.createElement("pre");
        shown.textContent = text;
        answer.replaceChildren(shown);
      } else {
        answer.innerHTML = text;
      }
    } catch (problem) {
      refuse(answer, problem);
    }
    answer.removeAttribute("aria-busy");
  }

  function refuse(place, problem) {
    if (!(problem instanceof Refusal)) throw problem;
    const shown = document.createElement("pre");
    shown.className = "bad";
    shown.setAttribute("role", "alert");
    shown.textContent = problem.message;
    place.replaceChildren(shown);
  }

  /** Puts a call that the page proposes into the box: hookline trace SNAPSHOT --in eth0 … */
  function fill(call) {
    const found = words(call).slice(3);
    const rest = [];
    for (const name of ["from", "to", "in"]) $("packet-" + name).value = "";
    for (let index = 0; index < found.length; index += 1) {
      const field = /^--(from|to|in)$/.test(found[index]) ? $("packet-" + found[index].slice(2)) : null;
      if (field && index + 1 < found.length) field.value = found[++index];
      else rest.push(/[\s"]/.test(found[index]) ? "'" + found[index] + "'" : found[index]);
    }
    $("packet-more").value = rest.join(" ");
    $("packet").scrollIntoView();
    $("packet-form").requestSubmit();
  }

  /** Calls that are proposed get a button that asks them here. */
  function offerCalls(place) {
    if (document.body.dataset.answers === "none") return;
    for (const code of place.querySelectorAll("pre > code")) {
      if (!code.textContent.startsWith("hookline trace ") || code.nextElementSibling) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Trace it here";
      button.addEventListener("click", () => fill(code.textContent));
      code.after(" ", button);
    }
  }

  // MARK: Chains

  function hint(place) {
    const shown = document.createElement("p");
    shown.textContent = "…";
    place.append(shown);
    return shown;
  }

  async function append(details, from) {
    const waiting = hint(details);
    try {
      const markup = await ask("rules", "", Number(details.id.slice(1)), from);
      waiting.insertAdjacentHTML("beforebegin", markup);
      waiting.remove();
    } catch (problem) {
      refuse(waiting, problem);
    }
  }

  /** A chain that was opened in its middle can be shown from its first rule on. */
  function offerStart(details) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Show it from its first rule";
    button.addEventListener("click", () => {
      while (details.lastElementChild.tagName !== "SUMMARY") details.lastElementChild.remove();
      append(details, 0);
    });
    details.append(button);
  }

  async function fillChain(details, from = 0) {
    if (!("folded" in details.dataset)) return;
    delete details.dataset.folded;
    if (from > 0) offerStart(details);
    await append(details, from);
  }

  /** Opens what a link leads to, also where it is folded. */
  async function reveal(id) {
    const [, chain, rule] = /^(c\d+)(?:r(\d+))?$/.exec(id) ?? [];
    if (!chain) return;
    if (!$(chain) && document.querySelector("#chains[data-folded]")) {
      $("chains").insertAdjacentHTML("beforeend", await ask("chain", "", Number(chain.slice(1))));
    }
    const details = $(chain);
    if (!details) return;
    if (rule && !$(id)) {
      const from = Math.floor((Number(rule) - 1) / 1000) * 1000;
      if ("folded" in details.dataset) await fillChain(details, from);
      else if (!$(id)) await append(details, from);
    }
    details.open = true;
    for (const marked of document.querySelectorAll(".shown")) marked.classList.remove("shown");
    const shown = $(id) ?? details;
    shown.classList.add("shown");
    shown.tabIndex = -1;
    shown.scrollIntoView({ block: rule ? "center" : "start" });
    shown.focus({ preventScroll: true });
  }

  // MARK: Search

  /** Rules that this page holds in which the words stand. */
  function searchHere(text) {
    const needle = text.toLowerCase();
    const list = document.createElement("ol");
    list.className = "found";
    let count = 0;
    for (const item of document.querySelectorAll("#chains > details > summary > b, #chains .rules > li > code")) {
      if (!item.textContent.toLowerCase().includes(needle)) continue;
      count += 1;
      if (count > 200) continue;
      const link = document.createElement("a");
      link.href = "#" + item.closest("[id]").id;
      link.append(item.cloneNode(true));
      const line = document.createElement("li");
      line.append(link);
      list.append(line);
    }
    const told = document.createElement("p");
    told.className = "quiet";
    told.textContent = count > 200 ? count + " found, the first 200 shown" : count + " found";
    return [list, told];
  }

  async function search() {
    const text = $("search-words").value.trim();
    const found = $("found");
    if (!text) return found.replaceChildren();
    if (!document.querySelector("#chains[data-folded]")) return found.replaceChildren(...searchHere(text));
    try {
      found.innerHTML = await ask("search", text);
    } catch (problem) {
      refuse(found, problem);
    }
  }

  // MARK: The empty page

  function pack(parts) {
    const size = parts.reduce((sum, part) => sum + 8 + part.path.length + part.bytes.length, 0);
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const part of parts) {
      for (const piece of [part.path, part.bytes]) {
        view.setUint32(at, piece.length, true);
        bytes.set(piece, at + 4);
        at += 4 + piece.length;
      }
    }
    return bytes;
  }

  async function load(parts) {
    const problem = $("intake-problem");
    problem.replaceChildren();
    const nameless = { path: new Uint8Array(0), bytes: new Uint8Array(0) };
    const packed = pack([nameless, ...parts]);
    try {
      // A new engine for each node: nothing of the last one stays.
      files = packed;
      starting = null;
      $("page").innerHTML = await ask("sections");
    } catch (cause) {
      document.body.dataset.state = "empty";
      return refuse(problem, cause);
    }
    document.body.dataset.state = "loaded";
    offerCalls($("page"));
    $("answer").replaceChildren();
    $("found").replaceChildren();
    $("overview-title").tabIndex = -1;
    $("overview-title").focus();
    const place = findingsPlace();
    // The rules are there to be read while findings are looked for; of very many that takes long, so it is asked for.
    if (!wasm.hookline_findings) place.lastElementChild.textContent = "The engine of this page looks for none.";
    else if (document.querySelector("#chains[data-folded]")) offerFindings(place);
    else setTimeout(() => find(place), 50);
  }

  /** Where findings will stand: behind the overview. */
  function findingsPlace() {
    const place = document.createElement("section");
    place.id = "findings";
    place.innerHTML = '<h2>Findings</h2><div role="status"><p>…</p></div>';
    $("overview").after(place);
    return place;
  }

  function offerFindings(place) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Look for findings";
    button.addEventListener("click", () => {
      place.lastElementChild.replaceChildren();
      hint(place.lastElementChild);
      setTimeout(() => find(place), 50);
    });
    place.lastElementChild.replaceChildren(button);
  }

  async function find(place) {
    try {
      const markup = await ask("findings");
      if (!place.isConnected) return;
      place.outerHTML = markup;
      offerCalls($("findings"));
    } catch (problem) {
      refuse(place.lastElementChild, problem);
    }
  }

  async function loadFiles(list) {
    const parts = [];
    for (const file of list) {
      parts.push({ path: encoder.encode(file.name), bytes: new Uint8Array(await file.arrayBuffer()) });
    }
    if (parts.length) await load(parts);
  }

  function takeDumps() {
    $("intake-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = $("intake-text").value;
      load([{ path: encoder.encode("pasted"), bytes: encoder.encode(text) }]);
    });
    $("intake-files").addEventListener("change", (event) => loadFiles(event.target.files));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      loadFiles(event.dataTransfer.files);
    });
  }

  // MARK: All together

  $("packet-form").addEventListener("submit", trace);
  $("search-words").addEventListener("input", search);
  $("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#c']");
    if (link) reveal(link.hash.slice(1));
    const more = event.target.closest("button.more");
    if (more) {
      const details = more.closest("details");
      more.remove();
      append(details, Number(more.dataset.from));
    }
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.chain") && event.target.open) fillChain(event.target);
  }, true);
  addEventListener("hashchange", () => reveal(location.hash.slice(1)));
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.chain:not([data-folded])")) details.open = true;
  });
  if ($("intake-form")) takeDumps();
  offerCalls($("page"));
  if (location.hash) reveal(location.hash.slice(1));
  // While the reader reads, the engine gets ready.
  if ($("files")) setTimeout(() => start().catch(() => {}), 50);

  /** For scripts: lines of `hookline trace --packets` to lines of its answers. */
  globalThis.hookline = { packets: (lines) => ask("packets", lines) };
})();
