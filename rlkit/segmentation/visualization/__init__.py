"""Pictures for people of what a segmentation network finds: sheets, films and a window."""
