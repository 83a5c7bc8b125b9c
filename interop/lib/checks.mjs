// Runs checks, and prints one line for each, followed by the error if it fails.

export class Checks {
  passed = 0;
  failed = 0;

  /** Print a title for the checks that follow. */
  head(title) {
    console.log(`\n${title}`);
  }

  /** Run one check: `body` throws an error, or returns a note to print, if any. */
  check = async (name, body) => {
    const started = Date.now();
    let note;
    try {
      note = await body();
    } catch (error) {
      this.failed++;
      console.log(`  FAIL  ${name}`);
      console.log(indent(error?.stack && error.code === 'ERR_ASSERTION' ? error.message : String(error?.message ?? error)));
      return;
    }
    this.passed++;
    const took = ((Date.now() - started) / 1000).toFixed(1);
    console.log(`  ok    ${name}${note ? `: ${note}` : ''} (${took} s)`);
  };
}

const MOST_LINES = 40;

function indent(text) {
  const lines = text.trimEnd().split('\n');
  const shown = lines.slice(0, MOST_LINES);
  if (lines.length > MOST_LINES) shown.push(`… ${lines.length - MOST_LINES} lines more`);
  return shown.map((line) => `        ${line}`).join('\n');
}
