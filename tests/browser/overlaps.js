// Text that lies over other text, or outside of the page: the rectangles of every visible line of text, compared.
(() => {
  const lines = [];
  const wide = document.documentElement.clientWidth;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const outside = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest("style, .hidden, .wide")) continue;
    if (!parent.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects()) {
      if (r.width < 1 || r.height < 1) continue;
      // letters are lower than their line
      const inset = r.height * 0.22;
      const line = { x: r.left, y: r.top + inset + scrollY, right: r.right, bottom: r.bottom - inset + scrollY, node };
      lines.push(line);
      const box = parent.closest("svg");
      const [low, high] = box ? [box.getBoundingClientRect().left, box.getBoundingClientRect().right] : [0, wide];
      if (r.left < low - 0.5 || r.right > high + 0.5) outside.push(node.textContent.trim().slice(0, 60));
    }
  }
  lines.sort((a, b) => a.y - b.y);
  const covered = [];
  for (let i = 0; i < lines.length; i++) {
    for (let j = i + 1; j < lines.length && lines[j].y < lines[i].bottom; j++) {
      const a = lines[i], b = lines[j];
      if (a.node === b.node) continue;
      const x = Math.min(a.right, b.right) - Math.max(a.x, b.x), y = Math.min(a.bottom, b.bottom) - Math.max(a.y, b.y);
      if (x > 1 && y > 1) covered.push([a.node.textContent.trim().slice(0, 40), b.node.textContent.trim().slice(0, 40)]);
    }
  }
  return { covered: covered.slice(0, 10), outside: outside.slice(0, 10) };
})()
