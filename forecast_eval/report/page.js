// Draws every chart of the page, then says how many were drawn: tests and screenshots wait for that.
(async () => {
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: {export: {svg: true, png: true}, source: false, compiled: false, editor: false},
  };
  const views = {}; // by the id of their place
  let drawn = 0;
  for (const node of document.querySelectorAll("script[data-chart]")) {
    const target = document.getElementById(node.dataset.chart);
    try {
      const {view} = await vegaEmbed(target, JSON.parse(node.textContent), {
        ...options,
        bind: target.previousElementSibling, // controls stand above their chart
      });
      views[target.id] = view;
      drawn += 1;
    } catch (error) {
      target.textContent = "This chart could not be drawn: " + error.message;
      console.error(error);
    }
  }
  for (const button of document.querySelectorAll("button[data-series]")) {
    button.addEventListener("click", async () => {
      const {model, series} = button.dataset;
      await views["chart-timeline"].signal("shown_model", model).signal("shown_series", series).runAsync();
      document.getElementById("timeline").scrollIntoView();
    });
  }
  document.body.dataset.drawn = String(drawn);
})();
// Of panels that a reader chooses from, one is shown. Without this script all of them are.
for (const choice of document.querySelectorAll(".choice")) {
  const panels = [...choice.querySelectorAll(".panel")];
  const controls = document.createElement("label");
  const select = document.createElement("select");
  for (const panel of panels) select.add(new Option(panel.dataset.name));
  const show = () => panels.forEach((panel, place) => { panel.hidden = place !== select.selectedIndex; });
  select.addEventListener("change", show);
  controls.className = "controls vega-bind";
  controls.append(choice.dataset.label, " ", select);
  choice.prepend(controls);
  show();
}
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
