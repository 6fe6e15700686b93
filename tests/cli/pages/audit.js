// Checks a page as a browser has laid it out, and leaves what it found in an element "audit".
(() => {
  const problems = [];
  const check = (is_so, what) => { if (!is_so) problems.push(what); };
  const name = (element) => `<${element.tagName.toLowerCase()}> ${element.textContent.trim().slice(0, 40)}`;
  const all = (selector) => [...document.querySelectorAll(selector)];

  // Landmarks, headings and labels.
  for (const landmark of ["header", "main", "footer", "h1"]) {
    check(all(landmark).length === 1, `not one ${landmark}`);
  }
  check(document.documentElement.lang !== "" && document.title !== "", "no language or title");
  let level = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    check(next <= level + 1, `a heading is left out before ${name(heading)}`);
    level = next;
  }
  const ids = all("[id]").map((element) => element.id);
  check(new Set(ids).size === ids.length, "an ID is there twice");
  const label = (element) => {
    const by = (element.getAttribute("aria-labelledby") || "").split(" ").filter((id) => id !== "");
    const texts = by.map((id) => document.getElementById(id)?.textContent || "");
    return texts.join("") || element.getAttribute("aria-label") || "";
  };
  for (const element of all("section, svg, [role]:not([role=status], [role=alert]), [tabindex]")) {
    check(label(element) !== "", `no label: ${name(element)}`);
  }
  check(all("svg").every((svg) => svg.getAttribute("role") === "img"), "a picture without its role");
  check(all("th").every((th) => th.scope === "col" || th.scope === "row"), "a heading without a scope");
  check(all("time").every((time) => time.dateTime !== ""), "a time for people alone");

  // Contrast, as WCAG 2 computes it.
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  let lowest = 21;
  const enough = (element, color, least) => {
    const ratio = contrast(rgba(color), background(element));
    lowest = Math.min(lowest, ratio);
    check(ratio >= least, `contrast ${ratio.toFixed(2)}: ${name(element)}`);
  };
  const has_text = (element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
  const texts = all("body *").filter((element) => has_text(element) && element.tagName !== "SCRIPT");
  for (const element of texts) {
    if (element.tagName !== "desc") enough(element, getComputedStyle(element).color, 4.5);
  }
  for (const line of all("polyline")) {
    enough(line, getComputedStyle(line).stroke, 3);
  }

  // Nothing wider than the window, but for what scrolls by itself.
  const root = document.documentElement;
  check(root.scrollWidth <= window.innerWidth, `${root.scrollWidth} wide in ${window.innerWidth}`);
  const small = texts.filter((element) => parseFloat(getComputedStyle(element).fontSize) < 12);
  check(small.length === 0, `small text: ${small.map(name)}`);

  const result = document.createElement("pre");
  result.id = "audit";
  result.textContent = JSON.stringify({
    problems,
    texts: texts.length,
    lines: all("polyline").length,
    lowest,
    width: window.innerWidth,
    is_dark: luminance(background(document.body)) < 0.2,
    loaded: performance.getEntriesByType("resource").length,
  });
  document.body.append(result);
})();
