/** Converts lists in an answer to rows and columns. */
type Row = Record<string, unknown>;
export type Cell = string | number | boolean | null;

export interface Table {
  /** Path of the list in the data, such as `models.nodes`. */
  path: string;
  columns: string[];
  /** One cell for each column. */
  rows: Cell[][];
}

export interface Order {
  column: number;
  isDescending: boolean;
}

const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Finds the lists of objects in an answer. Sibling objects with equal fields form a list, too. */
export function findTables(data: unknown): Table[] {
  if (!isRow(data)) return [];
  const tables: Table[] = [];
  walk(data, '', tables);
  const side = Object.entries(data).filter((entry): entry is [string, Row] => isRow(entry[1]));
  const shapes = new Set(side.map(([, row]) => Object.keys(row).join()));
  if (side.length > 1 && (tables.length === 0 || shapes.size === 1)) {
    tables.push(build('fields', side.map(([name, row]) => ({ field: name, ...row }))));
  }
  // The list with the most columns is probably the main one; facets, for example, are narrow.
  return tables.sort((a, b) => b.columns.length - a.columns.length);
}

function walk(value: Row, path: string, tables: Table[]): void {
  for (const [name, inner] of Object.entries(value)) {
    const place = path ? `${path}.${name}` : name;
    if (Array.isArray(inner)) {
      const rows = inner.filter(isRow);
      if (rows.length > 0) tables.push(build(place, rows));
    } else if (isRow(inner)) {
      walk(inner, place, tables);
    }
  }
}

function build(path: string, rows: Row[]): Table {
  const flat = rows.map((row) => flatten(row, ''));
  const names = [...new Set(flat.flatMap((cells) => [...cells.keys()]))];
  // An object that is null in some rows is shown by the columns of its fields only.
  const columns = names.filter((name) => !names.some((other) => other.startsWith(`${name}.`)));
  return { path, columns, rows: flat.map((cells) => columns.map((column) => cells.get(column) ?? null)) };
}

function flatten(row: Row, prefix: string, cells = new Map<string, Cell>()): Map<string, Cell> {
  for (const [name, value] of Object.entries(row)) {
    const place = prefix ? `${prefix}.${name}` : name;
    if (isRow(value)) flatten(value, place, cells);
    else if (Array.isArray(value)) cells.set(place, value.map(summarise).join(', '));
    else if (value !== null) cells.set(place, value as Cell);
    else if (!cells.has(place)) cells.set(place, null);
  }
  return cells;
}

/** A short text for one member of a list in a cell. */
function summarise(value: unknown): string {
  if (!isRow(value)) return String(value);
  const cells = [...flatten(value, '').values()].filter((cell) => cell !== null && cell !== '');
  return cells.join(' · ');
}

const asNumber = (cell: Cell): number => (typeof cell === 'string' && cell.trim() === '' ? NaN : Number(cell));

/** Whether a column holds only numbers, possibly as strings; nulls are ignored. */
export function isNumeric(table: Table, column: number): boolean {
  const cells = table.rows.map((row) => row[column]!).filter((cell) => cell !== null);
  return cells.length > 0 && cells.every((cell) => typeof cell !== 'boolean' && !Number.isNaN(asNumber(cell)));
}

/** Sorts rows, stably, with nulls last in both directions. */
export function sortRows(table: Table, order: Order | null): Cell[][] {
  if (!order) return table.rows;
  const { column, isDescending } = order;
  const numeric = isNumeric(table, column);
  const sign = isDescending ? -1 : 1;
  return [...table.rows].sort((left, right) => {
    const [a, b] = [left[column]!, right[column]!];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    if (numeric) return sign * (asNumber(a) - asNumber(b));
    return sign * String(a).localeCompare(String(b), 'en', { numeric: true });
  });
}

/** Writes CSV (RFC 4180). Spreadsheets read no cell as a formula, see `neutralise`. */
export function writeCsv(columns: string[], rows: Cell[][]): string {
  const lines = [columns, ...rows].map((cells) => cells.map(writeCell).join(','));
  return `\uFEFF${lines.join('\r\n')}\r\n`; // by the byte order mark, spreadsheets recognise UTF-8
}

function writeCell(cell: Cell): string {
  const text = typeof cell === 'string' ? neutralise(cell) : String(cell ?? '');
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Spreadsheets run a text that begins like a formula; a leading apostrophe prevents that. */
function neutralise(text: string): string {
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return text;
  return /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(text) ? `'${text}` : text;
}
