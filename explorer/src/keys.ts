/** What the reader's keyboard calls the key of commands. */
export const MOD = /Mac|iP(hone|ad)/.test(navigator.userAgent) ? '⌘' : 'Ctrl';
