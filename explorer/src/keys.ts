/** Name of the modifier key for shortcuts on the user's keyboard. */
export const MOD = /Mac|iP(hone|ad)/.test(navigator.userAgent) ? '⌘' : 'Ctrl';
