"""The vehicle side: CAN frames in, numbered uploads out."""
