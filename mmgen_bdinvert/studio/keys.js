// Ctrl+Z undoes, Ctrl+Shift+Z and Ctrl+Y do it again (on a Mac with the command key).
() => {
  document.addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    const again = key === 'y' || (key === 'z' && event.shiftKey);
    if (key !== 'z' && !again) return;
    event.preventDefault(); // a number that is being typed would be undone instead
    document.querySelector(again ? '#redo' : '#undo').click();
  });
}
