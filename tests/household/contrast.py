"""What is seen of a page: its contrast, computed from how the browser renders it.

After WCAG 2: https://www.w3.org/TR/WCAG22/#contrast-minimum, #non-text-contrast, #focus-visible.
"""

_COLOURS = """
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    // Of colours that lie over each other, on white paper.
    const mixed = (colours) => {
      canvas.fillStyle = "white";
      for (const one of ["white", ...colours]) { canvas.fillStyle = one; canvas.fillRect(0, 0, 1, 1); }
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = (rgb) => rgb.map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
      .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
    const ratio = (one, other) => {
      const [more, less] = [light(one), light(other)].sort((a, b) => b - a);
      return (more + 0.05) / (less + 0.05);
    };
    const behind = (element) => {
      const found = [];
      for (let at = element; at; at = at.parentElement) found.unshift(getComputedStyle(at).backgroundColor);
      return found;
    };
    const against = (colour, ground) => ratio(mixed([...ground, colour]), mixed(ground));
"""

OUTLINE = (
    _COLOURS
    + """
    const one = arguments[0], style = getComputedStyle(one);
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return "it has no outline";
    const box = one.getBoundingClientRect();
    if (box.width < 1 || box.bottom < 0 || box.top > innerHeight || box.right < 0) return "it is out of sight";
    const seen = against(style.outlineColor, behind(one.parentElement));
    return seen < 3 ? `its outline has ${seen.toFixed(2)}` : null;"""
)
"""Of an element that has the focus: what is wrong with how that is shown, null for nothing."""

FAINT = (
    _COLOURS
    + """
    const wrong = [], open = document.querySelector("dialog[open]"), top = open ?? document.body;
    let texts = 0, drawn = 0;
    const check = (what, colour, ground, least) => {
      const seen = against(colour, ground);
      if (seen < least) wrong.push(`${what}: ${seen.toFixed(2)} of ${least} (${colour})`);
    };
    const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const at = text.parentElement;
      if (!text.data.trim() || !at.checkVisibility() || at.closest("title, option, .skip")) continue;
      const style = getComputedStyle(at), points = parseFloat(style.fontSize);
      const large = points >= 24 || (points >= 18.66 && Number(style.fontWeight) >= 700);
      check(`"${text.data.trim().slice(0, 30)}"`, at.namespaceURI.endsWith("svg") ? style.fill : style.color, behind(at), large ? 3 : 4.5);
      texts += 1;
    }
    const edge = { "#map line, #map path, #map circle:not(.me), #rates path": "stroke", "#map circle.me": "fill", ".dot": "borderTopColor", "button, select": "borderTopColor", ".bar span": "backgroundColor" };
    for (const [which, property] of Object.entries(edge)) {
      for (const one of top.querySelectorAll(which)) {
        if (!one.checkVisibility()) continue;
        check(`${one.tagName}.${one.getAttribute("class") ?? one.id}`, getComputedStyle(one)[property], behind(one.parentElement), 3);
        drawn += 1;
      }
    }
    return { wrong: [...new Set(wrong)], texts, drawn };"""
)
"""What is faint, and of how many texts and drawn things; of an open dialog alone where there is one."""
