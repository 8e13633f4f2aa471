(leastTarget) => {
  const problems = [];
  const name = (element) => `<${element.localName}${element.id ? ` id=${element.id}` : ""}> ${element.textContent.trim().slice(0, 40)}`;
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const all = (selector) => [...document.querySelectorAll(selector)];
  const say = (element, what) => problems.push(`${name(element)} ${what}`);

  if (!document.documentElement.lang) problems.push("the document has no language");
  if (!document.title) problems.push("the document has no title");
  if (all("main").length !== 1) problems.push("there is not one main");
  if (all("h1").filter(shown).length !== 1) problems.push("there is not one h1");
  const ids = all("[id]").map((element) => element.id);
  ids.filter((element, index) => ids.indexOf(element) !== index).forEach((element) => problems.push(`id ${element} is there twice`));

  for (const element of all("input, select, textarea").filter(shown)) {
    if (!element.labels?.length && !element.ariaLabel) say(element, "has no label");
  }
  for (const element of all("a[href], button, input, select").filter(shown)) {
    if (element.classList.contains("skip")) continue;
    const named = /input|select/.test(element.localName) || element.textContent.trim() || element.ariaLabel;
    if (!named) say(element, "has no name");
    if (element.tabIndex < 0) say(element, "is not reached with the keyboard");
    const { width, height } = (element.closest("label") || element).getBoundingClientRect();
    const inText = getComputedStyle(element).display === "inline";
    if (!inText && Math.min(width, height) < leastTarget) say(element, `is too small: ${width} x ${height}`);
  }
  for (const attribute of ["aria-describedby", "aria-labelledby"]) {
    for (const element of all(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(" ")) {
        if (!document.getElementById(id)) say(element, `refers to ${id}, which is not there`);
      }
    }
  }
  for (const element of all("svg")) {
    if (element.getAttribute("aria-hidden") !== "true" && !element.ariaLabel) problems.push("a picture has no name and is not hidden");
  }

  // Contrast, by the formula of WCAG.
  const parts = (colour) => (colour.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, share, index) => sum + share * linear(colour[index] / 255), 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const exempt = element.closest("button:disabled, .skip, script, option, noscript");
    if (!texts.currentNode.data.trim() || exempt || !shown(element)) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const pair = [luminance(parts(style.color)), luminance(behind(element))].sort((one, other) => other - one);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < least) say(element, `has a contrast of ${ratio.toFixed(2)}`);
  }
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) problems.push(`it is ${scrollWidth} px wide`);
  return problems;
}
