// A table of batches to tick: how many are, and all or none at once. Without this it is ticked one by one.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const choice of document.querySelectorAll("fieldset.batches")) {
    const boxes = [...choice.querySelectorAll("input[name=batches]:enabled")];
    const count = () => {
      choice.querySelector("output").textContent = `${boxes.filter((box) => box.checked).length} of ${boxes.length} ticked`;
    };
    for (const button of choice.querySelectorAll("button[data-tick]")) {
      button.addEventListener("click", () => {
        for (const box of boxes) box.checked = button.dataset.tick === "all";
        count();
      });
    }
    choice.addEventListener("change", count);
    choice.querySelector(".ticks").hidden = false;
    count();
  }
});
