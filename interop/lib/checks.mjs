// A line for each check, and what went wrong below it.

export class Checks {
  passed = 0;
  failed = 0;

  /** Say which checks come next. */
  head(title) {
    console.log(`\n${title}`);
  }

  /** Run one check: `body` throws what is wrong, or gives a note worth a word. */
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
