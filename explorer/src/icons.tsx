const PATHS = {
  start: 'M4 11.5 12 4l8 7.5M6 10v9.5h4.5V14h3v5.5H18V10',
  docs: 'M5 4.5h9.5L19 9v10.5H5zM14 4.5V9h5M8.5 13h7M8.5 16h7',
  build: 'M5 6h5M5 12h3M5 18h3M13 12h6M13 18h6M10.5 12h.01M10.5 18h.01M13 6h6',
  history: 'M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4M12 8v4.5l3 2',
  run: 'M8 5.5v13l10.5-6.5z',
  stop: 'M7 7h10v10H7z',
  tidy: 'M5 6h14M5 10h9M5 14h14M5 18h9',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1',
  curl: 'm5 7 5 5-5 5M12 17h7',
  close: 'm7 7 10 10M17 7 7 17',
  add: 'M12 5v14M5 12h14',
  back: 'm14 6-6 6 6 6',
  download: 'M12 4v11m-4.5-4 4.5 4.5 4.5-4.5M5 19.5h14',
  theme: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  key: 'M14.5 9.5a4 4 0 1 0-3.4 4L13 15.5h2V18h2.5v2H21v-3l-6.8-5.8a4 4 0 0 0 .3-1.7M9 8.5h.01',
};

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} className={name === 'run' || name === 'stop' ? 'solid' : ''} />
    </svg>
  );
}
