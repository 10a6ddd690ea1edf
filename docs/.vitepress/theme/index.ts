// Without Inter: the site then brings no fonts, and takes the reader's own.
import DefaultTheme from 'vitepress/theme-without-fonts';
import './custom.css';

export default DefaultTheme;
